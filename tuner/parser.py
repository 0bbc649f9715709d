"""Parses a command line by the tables of ``tuner.arguments``."""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from tuner.arguments import ARGUMENTS, COMMANDS, EXIT_CODES, HELP
from tuner.errors import UsageError
from tuner.suggest import did_you_mean


class Parser(argparse.ArgumentParser):
    """Raises ``UsageError`` in place of printing and leaving; knows no abbreviations."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False)
        self.set_defaults(parser=self)

    @property
    def options(self) -> list[str]:
        """The options it knows."""
        return list(self._option_string_actions)

    def error(self, message: str) -> NoReturn:
        """Called by argparse for what it cannot parse."""
        raise UsageError(f"{message.removeprefix('argument ')}. See `{self.prog} --help`.")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            raise UsageError(f"unknown command {value!r}. {did_you_mean(value, action.choices)}")


class _Version(argparse.Action):
    """Prints the version of the code that runs, installed or not."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from tuner import __version__

        print(f"warmtune {__version__}")
        parser.exit()


def settings(command: str, argument: str) -> dict[str, Any]:
    """What argparse is told of an argument of a command."""
    general = ARGUMENTS[argument]
    return {**general, "help": HELP.get(command, {}).get(argument, general["help"])}


def build() -> dict[str, Parser]:
    """The parser of each command by its name; that of ``tuner`` itself under the empty one."""
    parser = Parser(
        prog="tuner",
        description="Hyperparameter tuning on Ray Tune that gets faster with every run.",
        epilog="exit codes: " + "; ".join(f"{code} {why}" for code, why in EXIT_CODES.items()),
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and leave")
    parsers = {"": parser}
    groups = {"": parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")}
    for name, (does, words) in COMMANDS.items():
        group, _, word = name.rpartition(" ")
        description = f"{does[0].upper()}{does[1:]}."
        parsers[name] = groups[group].add_parser(word, help=does, description=description)
        if not words:
            groups[name] = parsers[name].add_subparsers(
                dest="action", metavar="COMMAND", title="commands"
            )
        for argument in words:
            parsers[name].add_argument(argument, **settings(name, argument))
    return parsers


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse a command line; ``name`` is the command's. Raises ``UsageError``."""
    arguments, rest = build()[""].parse_known_args(argv)
    parser: Parser = arguments.parser
    options = [word.partition("=")[0] for word in rest if word.startswith("-")]
    if options:
        raise UsageError(
            *(f"unknown option {name!r}. {did_you_mean(name, parser.options)}" for name in options)
        )
    if rest:
        raise UsageError(f"unexpected argument {rest[0]!r}. See `{parser.prog} --help`.")
    arguments.name = parser.prog.removeprefix("tuner").strip()
    if not COMMANDS.get(arguments.name, ("", ()))[1]:
        inner = [name for name in COMMANDS if name.rpartition(" ")[0] == arguments.name]
        raise UsageError(f"a command is missing. Write {', '.join(f'tuner {i}' for i in inner)}.")
    return arguments
