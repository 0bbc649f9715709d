import argparse

import pytest

from tuner.arguments import (
    ARGUMENTS,
    COMMANDS,
    CONFIG_OPTIONS,
    EXIT_CODES,
    HELP,
    SWITCHES,
)
from tuner.commands import COMMANDS as FUNCTIONS
from tuner.errors import TunerError, UsageError
from tuner.fields import FIELDS
from tuner.parser import build, parse


def commands() -> list[str]:
    return [name for name, (_, words) in COMMANDS.items() if words]


def test_every_command_is_carried_out_by_a_function() -> None:
    assert sorted(FUNCTIONS) == sorted(commands())


def test_every_argument_belongs_to_a_command() -> None:
    used = {word for _, words in COMMANDS.values() for word in words}
    assert used == set(ARGUMENTS)
    assert all({*own} <= {*COMMANDS[name][1]} for name, own in HELP.items())


def test_every_configuration_option_sets_a_known_key() -> None:
    keys = {key for key, *_ in (*CONFIG_OPTIONS.values(), *SWITCHES.values())}
    assert keys <= {field.key for field in FIELDS}


def test_every_class_of_error_has_a_documented_exit_code() -> None:
    kinds: list[type[TunerError]] = [TunerError, *TunerError.__subclasses__()]
    codes = {kind.exit_code for kind in kinds}
    assert codes <= set(EXIT_CODES)


@pytest.mark.parametrize("name", commands())
def test_the_help_of_a_command_says_what_each_argument_is(name: str) -> None:
    text = build()[name].format_help()
    for word in COMMANDS[name][1]:
        assert (word if word.startswith("-") else ARGUMENTS[word]["metavar"]) in text


def test_the_help_names_the_commands_and_the_exit_codes() -> None:
    text = " ".join(build()[""].format_help().split())
    for name, (does, _) in COMMANDS.items():
        assert " " in name or f"{name} {does}" in text
    for code, why in EXIT_CODES.items():
        assert f"{code} {why}" in text


def test_a_command_line_is_parsed_into_the_texts_that_were_given() -> None:
    arguments = parse(
        ["run", "a", "b-*", "--trials", "-3", "--set", "x=1", "--set", "y=2", "--json"]
    )
    assert arguments.name == "run"
    assert arguments.tasks == ["a", "b-*"]
    assert (arguments.trials, arguments.set, arguments.json) == ("-3", ["x=1", "y=2"], True)
    assert (arguments.seed, arguments.baseline, arguments.address) == (None, False, "auto")


def test_a_nested_command_is_named_whole() -> None:
    assert parse(["history", "show", "abc"]).name == "history show"


@pytest.mark.parametrize("argv", [["run", "a", "--tri", "5"], ["run", "a", "--no-hist"], ["hist"]])
def test_there_are_no_abbreviations(argv: list[str]) -> None:
    with pytest.raises(UsageError, match="Did you mean"):
        parse(argv)


def test_all_unknown_options_are_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        parse(["run", "a", "--sed", "1", "--jason"])
    assert caught.value.faults == (
        "unknown option '--sed'. Did you mean --seed?",
        "unknown option '--jason'. Did you mean --json?",
    )


def test_parsing_shares_nothing_between_two_command_lines() -> None:
    assert isinstance(parse(["run", "a", "--set", "x=1"]), argparse.Namespace)
    assert parse(["run", "a"]).set == []
