"""What happened in a study, durably: an append-only log of events in one SQLite file.

The log is the truth; the trials are folded from it by one function, in a run and in a resume alike.
Nothing is rewritten in place, and an append returns only when the event is on the disk (WAL,
``synchronous=FULL``), so a kill at any instant loses nothing that was acknowledged.
"""

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zlib import crc32

from meta.study import Metric, Study, Trial
from tuner.errors import EnvironmentFault, JournalDamaged, RunDirectoryError, TunerError
from tuner.events import Ended, Event, FinalFit, Finished, fold, read_event, write_event
from tuner.final_result import FinalResult, final_seeds
from tuner.ledger import Ledger

FORMAT_VERSION = 1
FILE_NAME = "journal.db"
LAST_FILE = "journal.last"
"""Beside the log: the number of its last event, so that a lost end (of the WAL) is noticed."""

HEADER_TABLE = """
CREATE TABLE header (version INTEGER NOT NULL, body TEXT NOT NULL, checksum INTEGER NOT NULL)
"""
EVENTS_TABLE = """
CREATE TABLE events (sequence INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL,
    elapsed_seconds REAL NOT NULL, unix_time REAL NOT NULL, checksum INTEGER NOT NULL)
"""

INSERT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Entry:
    """An event with its place in the log; ``elapsed_seconds`` counts only while the study runs."""

    sequence: int
    event: Event
    elapsed_seconds: float
    unix_time: float


def _checksum(*fields: object) -> int:
    """SQLite notices damage to its pages' structure, but not to what they hold."""
    return crc32(repr(fields).encode())


class Journal:
    """The log of one study; the trials, in which order they ended, and the ledger folded from it.

    Open it with ``create`` or ``open``. Only the driver's thread appends; other threads and
    processes read the file with ``read_entries``.
    """

    def __init__(
        self, path: Path, study: Study, header: dict[str, Any], entries: Iterable[Entry] = ()
    ) -> None:
        self.path = path
        self.header = header
        self.trials: dict[int, Trial] = {}
        self.ended: list[int] = []
        self.finished: Finished | None = None
        self.final_fits: list[FinalFit] = []
        self.ledger = Ledger()
        self._study = study
        self._connection = _connect(path)
        self._last = path.with_name(LAST_FILE)
        self._listeners: list[Callable[[Event], object]] = []
        self.last_seconds = 0.0
        self.fault: TunerError | None = None
        self._file = path.stat()
        self._sequence = 0
        for entry in entries:
            self._apply(entry.event, entry.elapsed_seconds)
            self._sequence = entry.sequence
            self.last_seconds = entry.elapsed_seconds
        self._opened = time.monotonic() - self.last_seconds

    @classmethod
    def create(cls, directory: Path, study: Study, header: dict[str, Any]) -> "Journal":
        """Start the log of ``study`` (without trials); ``header`` is kept beside it as JSON."""
        path = directory / FILE_NAME
        body = json.dumps({"study": study.to_json(), "header": header})
        create_file(path, (FORMAT_VERSION, body, _checksum(FORMAT_VERSION, body)))
        return cls(path, study, header)

    @classmethod
    def open(cls, directory: Path) -> "Journal":
        """Read a log back; raises ``RunDirectoryError`` if there is none or it is damaged."""
        if directory.is_dir() and not os.access(directory, os.W_OK):
            raise EnvironmentFault(f"{directory}: is read-only. Make it writable, or copy it.")
        # A writer that closes a damaged file would throw away what can still be recovered.
        study, header, entries = read_journal(directory)
        return cls(directory / FILE_NAME, study, header, entries)

    @property
    def study(self) -> Study:
        """The study as it stands."""
        return self._study.with_trials(tuple(self.trials[id] for id in sorted(self.trials)))

    @property
    def tested(self) -> FinalResult | None:
        """What the final fits came to so far; None before the first."""
        return FinalResult(tuple(self.final_fits)) if self.final_fits else None

    def seeds_left(self, count: int) -> list[int]:
        """Those of ``count`` final seeds that the journal holds no test of."""
        own = self._study.seed
        done = {own if fit.seed is None else fit.seed for fit in self.final_fits}
        return [seed for seed in final_seeds(own, count) if seed not in done]

    @property
    def metric(self) -> Metric:
        """The metric of the study."""
        return self._study.metric

    @property
    def elapsed_seconds(self) -> float:
        """How long the study has run, over all its sessions."""
        return time.monotonic() - self._opened

    def append(self, *events: Event) -> None:
        """Write events in one transaction; on the disk when this returns.

        Raises ``EnvironmentFault`` if they cannot be written, ``RunDirectoryError`` if the file was
        moved away; then nothing of the events is kept. ``fault`` tells it to those whom Ray
        shields from it.
        """
        now, elapsed = time.time(), self.elapsed_seconds
        rows = [
            _row(Entry(sequence, event, elapsed, now))
            for sequence, event in enumerate(events, self._sequence + 1)
        ]
        try:
            self._check_place()
            with _disk_faults(self.path), self._connection:
                self._connection.executemany(INSERT, rows)
        except TunerError as fault:
            self.fault = fault
            raise
        self._sequence += len(rows)
        self.last_seconds = elapsed
        with suppress(OSError):
            self._last.write_text(str(self._sequence))
        for event in events:
            self._apply(event, elapsed)
            for listener in self._listeners:
                listener(event)

    def listen(self, listener: Callable[[Event], object]) -> None:
        """Call ``listener`` with every event from now on, after it is durable."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Close the file; the log stays complete at any time, also without this."""
        self._connection.close()

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Ray pickles what refers to a journal, and nobody reads that pickle back."""
        return {}

    def _check_place(self) -> None:
        """SQLite would go on writing to a file that was moved or deleted."""
        try:
            there = os.path.samestat(self.path.stat(), self._file)
        except OSError:
            there = False
        if not there:
            raise RunDirectoryError(
                f"{self.path}: moved or deleted while the study ran. Put it back, then"
                f" `tuner resume {self.path.parent}`."
            )

    def _apply(self, event: Event, elapsed_seconds: float) -> None:
        fold(self.trials, event)
        self.ledger.enter(event, elapsed_seconds)
        if isinstance(event, Ended):
            self.ended.append(event.trial)
        elif isinstance(event, Finished):
            self.finished = event
        elif isinstance(event, FinalFit):
            self.final_fits.append(event)


def read_journal(directory: Path) -> tuple[Study, dict[str, Any], list[Entry]]:
    """The whole log, without opening it for writing: the study (no trials), header and events.

    Raises ``RunDirectoryError`` if there is none or it is damaged.
    """
    path = directory / FILE_NAME
    if not path.is_file():
        raise RunDirectoryError(f"{directory}: holds no study. Start one with `tuner run`.")
    try:
        acknowledged = last_sequence(directory)  # first: a run may be adding events meanwhile
        with closing(connect_readonly(directory)) as reader:
            study, header = read_header(reader)
            entries = list(read_entries(reader))
        if (lost := acknowledged - len(entries)) > 0:
            raise ValueError(f"its last {lost} events are lost")
    except (sqlite3.Error, ValueError, KeyError, TypeError) as error:
        raise JournalDamaged(
            f"{path}: the journal is damaged ({error})."
            f" `tuner resume {directory} --repair` goes on with what can be read."
        ) from None
    return study, header, entries


def read_header(connection: sqlite3.Connection) -> tuple[Study, dict[str, Any]]:
    """The study (without trials) and the header it was created with."""
    if connection.execute("PRAGMA quick_check").fetchone() != ("ok",):
        raise sqlite3.DatabaseError("quick_check failed")
    return read_study(connection.execute("SELECT * FROM header").fetchone())


def read_study(row: tuple[Any, ...]) -> tuple[Study, dict[str, Any]]:
    """What the row of the header says; raises ``ValueError`` or ``TypeError`` if altered."""
    version, body, checksum = row
    if version != FORMAT_VERSION:
        raise ValueError(f"journal format {version}, this tuner reads {FORMAT_VERSION}")
    if checksum != _checksum(version, body):
        raise ValueError("the header was altered")
    data = json.loads(body)
    return Study.from_json(data["study"]), data["header"]


def read_entries(connection: sqlite3.Connection, after: int = 0) -> Iterator[Entry]:
    """The events after a sequence number, in order; raises ``ValueError`` at a damaged one."""
    query = "SELECT * FROM events WHERE sequence > ? ORDER BY sequence"
    for expected, row in enumerate(connection.execute(query, (after,)), after + 1):
        yield read_entry(row, expected)


def read_entry(row: tuple[Any, ...], expected: int) -> Entry:
    """The event of a row; raises ``ValueError`` if it is another one or was altered."""
    sequence, kind, body, elapsed, now, checksum = row
    if sequence != expected or checksum != _checksum(*row[:-1]):
        raise ValueError(f"event {expected} is lost or was altered")
    return Entry(sequence, read_event(kind, json.loads(body)), elapsed, now)


def create_file(path: Path, header: tuple[Any, ...], entries: Iterable[Entry] = ()) -> None:
    """Make the file with the row of its header and events, numbered anew, in one transaction."""
    rows = [_row(replace(entry, sequence=n)) for n, entry in enumerate(entries, 1)]
    with _disk_faults(path), closing(_connect(path)) as connection, connection:
        connection.execute("BEGIN")
        connection.execute(HEADER_TABLE)
        connection.execute(EVENTS_TABLE)
        connection.execute("INSERT INTO header VALUES (?, ?, ?)", header)
        connection.executemany(INSERT, rows)


def last_sequence(directory: Path) -> int:
    """How many events were acknowledged, as the file beside the log has it; 0 if unknown."""
    try:
        text = (directory / LAST_FILE).read_text()
    except (OSError, UnicodeDecodeError):
        return 0
    return int(text) if text.isdecimal() else 0


def _row(entry: Entry) -> tuple[Any, ...]:
    kind, body = write_event(entry.event)
    text = json.dumps(body, allow_nan=False)
    fields = (entry.sequence, kind, text, entry.elapsed_seconds, entry.unix_time)
    return (*fields, _checksum(*fields))


def connect_readonly(directory: Path) -> sqlite3.Connection:
    """A second connection for a reader in another thread or process."""
    return sqlite3.connect(f"{(directory / FILE_NAME).absolute().as_uri()}?mode=ro", uri=True)


def _connect(path: Path) -> sqlite3.Connection:
    with _disk_faults(path):
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
    return connection


@contextmanager
def _disk_faults(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        raise EnvironmentFault(
            f"{path}: cannot write the journal ({error}). Free space or mend the directory, then"
            f" `tuner resume {path.parent}`."
        ) from None
