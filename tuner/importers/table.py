"""Tables with a row for each trial: CSV, Parquet, and the run table that W&B exports as CSV."""

import csv
import io
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from meta.history import REASON_LENGTH, Refusal
from tuner.errors import UsageError
from tuner.importers.archive import read_columns, read_rows
from tuner.importers.foreign import (
    MOST_TRIALS,
    ForeignStudy,
    ForeignTrial,
    Found,
    Reading,
    number,
    read_seconds,
    read_state,
)

MOST_BYTES = 256 << 20
PARQUET_MAGIC = b"PAR1"
DELIMITERS = ",;\t|"
STATE, SECONDS, STUDY = "state", "seconds", "study"
SPECIAL = {
    **dict.fromkeys((STATE, "status", "trial_state"), STATE),
    **dict.fromkeys((SECONDS, "runtime", "duration", "time_total_s", "time"), SECONDS),
    **dict.fromkeys((STUDY, "study_name"), STUDY),
}
"""Columns, in small letters, that say something else than a parameter or a metric."""
OBJECTIVES = ("value", "objective")
WANDB = ("Name", "State", "Runtime")
WANDB_BOOKKEEPING = ("Name", "ID", "Notes", "User", "Tags", "Created", "Sweep", "Group", "Job Type")


def read_table(path: Path, origin: str = "table") -> Found:
    """The studies of a table: one for each name in its column ``study``, or one of all rows.

    Raises ``UsageError`` for a file that is no table; single bad rows are refused.
    """
    names, rows = _open(path)
    studies: dict[str, list[ForeignTrial]] = defaultdict(list)
    refused: list[Refusal] = []
    for id, cells in enumerate(rows, 1):
        if id > MOST_TRIALS:
            raise UsageError(f"{path}: more than {MOST_TRIALS} rows. Split it into several files.")
        try:
            name, trial = _trial(id, names, cells)
            studies[name or path.stem].append(trial)
        except ValueError as error:
            refused.append(Refusal(path.stem, id, f"row: {error}"[:REASON_LENGTH]))
    if not studies:
        why = refused[0].reason if refused else "no rows"
        raise UsageError(f"{path}: no trial in it ({why}). Name a table with a row for each.")
    objective = next((name for name in names if name.lower() in OBJECTIVES), None)
    place = str(path.absolute())
    return Found(
        [
            ForeignStudy(name, origin, place, tuple(trials), objective)
            for name, trials in studies.items()
        ],
        refused,
    )


def is_wandb(header: Iterable[str]) -> bool:
    """Whether these are the columns of a run table of W&B."""
    return {*WANDB} <= {*header}


def read_header(path: Path) -> list[str]:
    """The names of the columns; raises ``UsageError``."""
    return _open(path)[0]


class _Numbers(Mapping[str, Sequence[Reading]]):
    """The cells of a row that are numbers, as metrics: which of them is one is said later."""

    def __init__(self, cells: Mapping[str, object]) -> None:
        self._cells = cells

    def __getitem__(self, name: str) -> Sequence[Reading]:
        value = number(self._cells[name])
        if math.isnan(value) and str(self._cells[name]).strip().lower() != "nan":
            raise KeyError(name)
        return [Reading(1, value)]

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._cells if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _trial(
    id: int, names: Sequence[str], cells: Sequence[object]
) -> tuple[str | None, ForeignTrial]:
    """A row, and the name of its study if it has one; raises ``ValueError``."""
    if len(cells) != len(names):
        raise ValueError(f"{len(cells)} fields, the header has {len(names)}")
    special: dict[str, object] = {}
    params: dict[str, object] = {}
    for name, cell in zip(names, cells, strict=True):
        role = SPECIAL.get(name.lower())
        if role and role not in special:
            special[role] = cell
        elif name not in WANDB_BOOKKEEPING:
            params[name] = cell
    state, seconds = read_state(special.get(STATE)), read_seconds(special.get(SECONDS))
    study = special.get(STUDY)
    trial = ForeignTrial(id, params, state, _Numbers(params), seconds=seconds)
    return None if study in (None, "") else str(study), trial


def _open(path: Path) -> tuple[list[str], Iterator[Sequence[object]]]:
    """The names of the columns, and the rows."""
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if data.startswith(PARQUET_MAGIC):
        names = read_columns(path)
        return _checked(names, path), read_rows(path)
    if len(data) > MOST_BYTES:
        most = f"{MOST_BYTES >> 20} MiB"
        raise UsageError(f"{path}: larger than {most}. Split it, or write it as Parquet.")
    lines = _csv(data, path)
    names = [str(name).strip() for name in next(lines, [])]
    return _checked(names, path), lines


def _checked(names: list[str], path: Path) -> list[str]:
    if not names:
        raise UsageError(f"{path}: the table is empty. Name one with a header and rows.")
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise UsageError(f"{path}: {times} columns are called {name[:60]!r}. Rename them.")
    return names


def _csv(data: bytes, path: Path) -> Iterator[Sequence[object]]:
    """The lines that are not blank."""
    try:
        text = data.decode("utf-8-sig")
        if "\0" in text:
            raise UnicodeDecodeError("utf-8", data, data.index(b"\0"), len(data), "NUL")
    except UnicodeDecodeError as error:
        where = f"byte 0x{data[error.start]:02x} at offset {error.start}"
        raise UsageError(f"{path}: neither CSV nor Parquet ({where}). Save it as UTF-8.") from None
    first = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        yield from (line for line in reader if line)
    except csv.Error as error:
        raise UsageError(f"{path}:{reader.line_num}: {error}. Mend the line.") from None
