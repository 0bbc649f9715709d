"""Rescues what can be read of a damaged journal, and says what is lost.

Each event carries a checksum, so what is kept is what was written. Which trial a lost event
belonged to is unknown: one that ran at the time keeps what it had before, and is trained on.
"""

import json
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from meta.study import Trial, TrialState
from tuner.errors import RunDirectoryError
from tuner.events import Event, FinalFit, Finished, Started, Used, fold
from tuner.journal_file import (
    FILE_NAME,
    LAST_FILE,
    REPAIRED,
    Entry,
    create_file,
    last_sequence,
    read_entry,
    read_study,
)

DAMAGED = "damaged"
FILES = (FILE_NAME, f"{FILE_NAME}-wal", LAST_FILE)
SMALLEST_ROW_BYTES = 40
UNREADABLE = (sqlite3.Error, ValueError, KeyError, TypeError)


@dataclass(frozen=True)
class Salvage:
    """The header as it was written and the events to keep, of so many that once were there."""

    header: tuple[Any, ...]
    entries: tuple[Entry, ...]
    written: int
    lost: tuple[int, ...]
    again: tuple[int, ...]

    def text(self) -> str:
        """What repairing costs, in one line."""
        dropped = self.written - len(self.entries)
        parts = [f"{dropped} of {self.written} events are lost"]
        if self.lost:
            parts.append(f"trials {_listed(self.lost)} are tried anew")
        if self.again:
            parts.append(f"trials {_listed(self.again)} go on from what is left of them")
        return "; ".join(parts)


def salvage(directory: Path) -> Salvage:
    """Read what is whole; changes nothing. Raises ``RunDirectoryError`` if the header is lost.

    After an interrupted repair it reads the files that were kept.
    """
    if (directory / REPAIRED).exists():
        directory = directory / DAMAGED
    with TemporaryDirectory(prefix="warmtune-") as scratch:
        for name in FILES:
            if (directory / name).is_file():
                shutil.copy(directory / name, scratch)
        path = Path(scratch) / FILE_NAME
        _admit_truncation(path)
        with closing(sqlite3.connect(path)) as connection:
            header = _header(connection, directory)
            limit = max(last_sequence(Path(scratch)), _most_rows(Path(scratch)))
            found = dict(_entries(connection, limit))
    written = max([last_sequence(directory), *found])
    return _sound(header, found, written)


def repair(directory: Path) -> str:
    """Put a sound journal in the place of a damaged one, which is kept in ``damaged``.

    After a kill at any instant it is to be called again: the journal counts as damaged until then.
    Returns what was lost. Whoever calls it holds the lock of the directory.
    """
    new, backup = directory / REPAIRED, directory / DAMAGED
    kept = salvage(directory)
    if not new.exists():
        shutil.rmtree(backup, ignore_errors=True)
        backup.mkdir()
        for name in FILES:
            if (directory / name).is_file():
                shutil.copy(directory / name, backup)
        create_file(new, kept.header, kept.entries)
    for name in (LAST_FILE, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm"):
        (directory / name).unlink(missing_ok=True)
    new.replace(directory / FILE_NAME)
    return f"{kept.text()}. The damaged files are kept in {backup}."


def _admit_truncation(path: Path) -> None:
    """Let the file say how many pages it has left; SQLite reads none of one that is too short."""
    with path.open("r+b") as file:
        start = file.read(32)
        page = int.from_bytes(start[16:18], "big")
        pages = path.stat().st_size // page if page else 0
        if pages and pages < int.from_bytes(start[28:32], "big"):
            file.seek(28)
            file.write(pages.to_bytes(4, "big"))
            file.truncate(pages * page)


def _header(connection: sqlite3.Connection, directory: Path) -> tuple[Any, ...]:
    try:
        row: tuple[Any, ...] = connection.execute("SELECT * FROM header").fetchone()
        read_study(row)
    except UNREADABLE as error:
        raise RunDirectoryError(
            f"{directory / FILE_NAME}: what it was a study of cannot be read ({error}), so nothing"
            " can be repaired, and nothing was changed. Start a new study with `tuner run`;"
            " an experiment does so itself when this folder is gone."
        ) from None
    return row


def _most_rows(directory: Path) -> int:
    sizes = [path.stat().st_size for path in directory.glob(f"{FILE_NAME}*")]
    return sum(sizes) // SMALLEST_ROW_BYTES


def _entries(connection: sqlite3.Connection, limit: int) -> Iterator[tuple[int, Entry]]:
    """Ask for each event by itself: a scan would end at the first page that is damaged."""
    for sequence in range(1, limit + 1):
        try:
            row = connection.execute("SELECT * FROM events WHERE sequence = ?", (sequence,))
            if (fields := row.fetchone()) is not None:
                yield sequence, read_entry(fields, sequence)
        except UNREADABLE:
            continue


def _sound(header: tuple[Any, ...], found: Mapping[int, Entry], written: int) -> Salvage:
    """Leave out what no longer has its beginning, or had a loss in between."""
    trials: dict[int, Trial] = {}
    unsure: set[int] = set()
    lost: set[int] = set()
    entries = []
    for sequence in range(1, written + 1):
        if sequence not in found:
            unsure |= {t.id for t in trials.values() if t.state is TrialState.RUNNING}
            continue
        event = found[sequence].event
        trial = getattr(event, "trial", None)
        if not isinstance(event, Started) and trial is not None and trial not in trials:
            lost.add(trial)
        elif _is_doubtful(event, trial in unsure, bool(unsure or lost)):
            continue
        else:
            fold(trials, event)
            entries.append(found[sequence])
    return Salvage(header, tuple(entries), written, tuple(sorted(lost)), tuple(sorted(unsure)))


def _is_doubtful(event: Event, of_unsure: bool, something_lost: bool) -> bool:
    if isinstance(event, Finished | FinalFit):
        return something_lost
    return of_unsure and not isinstance(event, Used)


def _listed(trials: tuple[int, ...]) -> str:
    return json.dumps(trials)[1:-1]
