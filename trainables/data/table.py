"""Delimited text becomes a table of numbers; every fault is named with its file and line."""

import csv
import gzip
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.base import DataError

MISSING = frozenset({"", "?"})
FAULTS_SHOWN = 20

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Table:
    """Rows of numbers: ``x`` with NaN for missing and codes for categories, ``y`` the target.

    ``columns`` maps each feature to its number of categories, 0 for a numeric one; ``categories``
    has the names behind the codes, in their order, where there are names.
    """

    x: Float32
    y: Float32
    columns: Mapping[str, int]
    categories: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def faults(self, is_class: bool) -> list[str]:
        """Why nothing can be learned from this table; empty if something can."""
        if not len(self.y):
            return ["no rows"]
        empty = np.isnan(self.x).all(axis=0)
        names = np.array([*self.columns])[empty]
        faults = [f"column {name}: no value in any row" for name in names]
        if len(np.unique(self.y)) == 1:
            faults.append("one class only" if is_class else "the same target in every row")
        return faults


@dataclass(frozen=True)
class Layout:
    """How the text is laid out: its fields in order, one of them the target.

    ``columns`` as in ``Table``; ``labels`` are the classes in order, none for a number.
    """

    fields: tuple[str, ...]
    target: str
    columns: Mapping[str, int]
    labels: tuple[str, ...] = ()
    delimiter: str = ","


@dataclass(frozen=True)
class TextFile:
    """A file of rows after ``skip`` lines; the ``extra`` fields belong to each row."""

    path: Path
    skip: int = 0
    extra: tuple[str, ...] = ()

    def records(self, delimiter: str) -> Iterator[tuple[str, list[str]]]:
        """The place (``file:line``) and the fields of each row that is not blank."""
        with self.path.open(encoding="utf-8", errors="replace", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
            for row in reader:
                if row and reader.line_num > self.skip:
                    yield f"{self.path.name}:{reader.line_num}", row


@dataclass(frozen=True)
class ArffFile(TextFile):
    """A gzipped ARFF file: its rows are what follows ``@data``, but for comments."""

    def records(self, delimiter: str) -> Iterator[tuple[str, list[str]]]:
        """As ``TextFile.records``."""
        in_data = False
        with gzip.open(self.path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if in_data and line.strip() and not line.startswith("%"):
                    (row,) = csv.reader([line], delimiter=delimiter, skipinitialspace=True)
                    yield f"{self.path.name}:{number}", [value.strip("'") for value in row]
                in_data = in_data or line.strip().lower() == "@data"


def read(files: Sequence[TextFile], layout: Layout) -> Table:
    """Read the files as one table; raises ``DataError`` with a line for each fault."""
    faults: list[str] = []
    places, rows = _rows(files, layout, faults)
    texts = dict(zip(layout.fields, zip(*rows, strict=True), strict=True)) if rows else {}
    y = _column(places, texts.get(layout.target, ()), layout.target, _target(layout), faults)
    x = np.empty((len(rows), len(layout.columns)), np.float32)
    categories: dict[str, Sequence[str]] = {}
    for index, name in enumerate(layout.columns if rows else ()):
        parse: Callable[[str], float] = _number
        if layout.columns[name]:
            categories[name] = sorted({*texts[name]} - MISSING)
            parse = _codes(categories[name])
        x[:, index] = _column(places, texts[name], name, parse, faults)
    table = Table(x, y, layout.columns, categories)
    names = ", ".join(file.path.name for file in files)
    faults = faults or [f"{names}: {fault}" for fault in table.faults(bool(layout.labels))]
    if faults:
        rest = [f"… and {len(faults) - FAULTS_SHOWN} more"] if len(faults) > FAULTS_SHOWN else []
        raise DataError("\n".join(faults[:FAULTS_SHOWN] + rest))
    return table


def _rows(
    files: Sequence[TextFile], layout: Layout, faults: list[str]
) -> tuple[list[str], list[list[str]]]:
    places, rows = [], []
    for file in files:
        expected = len(layout.fields) - len(file.extra)
        try:
            for place, row in file.records(layout.delimiter):
                if len(row) == expected:
                    places.append(place)
                    rows.append([*row, *file.extra])
                else:
                    faults.append(f"{place}: {len(row)} fields, {expected} expected")
        except csv.Error as error:
            faults.append(f"{file.path.name}: {error}")
    return places, rows


def _column(
    places: Sequence[str],
    texts: Sequence[str],
    name: str,
    parse: Callable[[str], float],
    faults: list[str],
) -> Float32:
    values = np.empty(len(texts), np.float32)
    for index, text in enumerate(texts):
        try:
            values[index] = parse(text)
        except ValueError as error:
            faults.append(f"{places[index]}: {name}: {error}")
    return values


def _number(text: str) -> float:
    if text in MISSING:
        return math.nan
    try:
        number = float(text)
    except ValueError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"number expected, got {text!r}")
    return number


def _codes(names: Sequence[str]) -> Callable[[str], float]:
    codes: dict[str, Any] = {name: code for code, name in enumerate(names)}
    return lambda text: codes.get(text, math.nan)


def _target(layout: Layout) -> Callable[[str], float]:
    def parse(text: str) -> float:
        if text in MISSING:
            raise ValueError("missing")
        if not layout.labels:
            return _number(text)
        label = text.removesuffix(".")
        if label not in layout.labels:
            raise ValueError(f"{' or '.join(layout.labels)} expected, got {text!r}")
        return layout.labels.index(label)

    return parse
