"""What is printed: results on stdout, faults on stderr, and nothing that steers a terminal."""

import io
import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from typing import Any

from tuner.home import redact

MAX_CELL_CHARACTERS = 200


def prepare() -> None:
    """Escape what the encoding of stdout lacks, so that ``LANG=C`` stops nothing."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def say(text: str, end: str = "\n") -> None:
    """Print a result; a reader that has seen enough (``| head``) is no error."""
    try:
        print(printable(text), end=end, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say_json(value: object) -> None:
    """Print a result as one JSON object."""
    say(json.dumps(value, indent=2, allow_nan=False))


def complain(faults: Iterable[str]) -> None:
    """Print one line per fault."""
    for fault in faults:
        print(f"tuner: error: {printable(fault)}", file=sys.stderr)


def printable(text: str) -> str:
    """The text with its control characters escaped and the passwords of addresses hidden."""
    text = redact(text)
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def columns(rows: Sequence[Sequence[object]]) -> str:
    """Rows of cells, the first the heading, as aligned lines; a long cell is cut."""
    cells = [["" if cell is None else _cell(brief(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = (zip(row, widths, strict=True) for row in cells)
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in line).rstrip() for line in lines
    )


def present(arguments: Namespace, name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Say rows of equal keys: as one object under ``name``, or as a table."""
    if arguments.json:
        say_json({name: rows})
    elif rows:
        say(columns([list(rows[0]), *([*row.values()] for row in rows)]))


def brief(value: object) -> str:
    """A number to six digits; anything else as it is."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _cell(text: str) -> str:
    return printable(text[:MAX_CELL_CHARACTERS]).replace("\n", " ")
