"""The command line: parse, call, and turn each class of error into one exit code."""

import os
import sys
import traceback
from collections.abc import Sequence

from tuner.errors import TunerError
from tuner.parser import parse
from tuner.terminal import complain, prepare, say


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    prepare()
    try:
        return _run(sys.argv[1:] if argv is None else argv)
    finally:
        say("", end="")


def _run(argv: Sequence[str]) -> int:
    try:
        arguments = parse(argv)
        from tuner.commands import COMMANDS

        COMMANDS[arguments.name](arguments)
    except SystemExit as leaving:
        return int(leaving.code or 0)
    except (Exception, KeyboardInterrupt) as error:
        if os.environ.get("TUNER_DEBUG") == "1":
            traceback.print_exc()
        return _fail(error)
    return 0


def _fail(error: BaseException) -> int:
    if isinstance(error, TunerError):
        complain(error.faults)
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        complain(["interrupted."])
        return 130
    bug = f"{type(error).__name__}: {error}"
    complain([f"this is a bug in tuner ({bug}). Report it with what TUNER_DEBUG=1 shows."])
    return 1
