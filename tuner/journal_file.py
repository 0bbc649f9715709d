"""The file of a journal: one SQLite database of a header and events, each with a checksum."""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zlib import crc32

from meta.study import Study
from tuner import earlier
from tuner.errors import EnvironmentFault, JournalDamaged, RunDirectoryError
from tuner.events import Event, read_event, write_event

FORMAT_VERSION = 1
FILE_NAME = "journal.db"
LAST_FILE = "journal.last"
"""Beside the log: the number of its last event, so that a lost end (of the WAL) is noticed."""
REPAIRED = "journal.repaired"
"""What takes the place of a damaged log; while it is there, that has not happened."""

HEADER_TABLE = """
CREATE TABLE header (version INTEGER NOT NULL, body TEXT NOT NULL, checksum INTEGER NOT NULL)
"""
EVENTS_TABLE = """
CREATE TABLE events (sequence INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL,
    elapsed_seconds REAL NOT NULL, unix_time REAL NOT NULL, checksum INTEGER NOT NULL)
"""


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


def read_journal(directory: Path) -> tuple[Study, dict[str, Any], list[Entry]]:
    """The whole log, without opening it for writing: the study (no trials), header and events.

    Raises ``RunDirectoryError`` if there is none or it is damaged.
    """
    path = directory / FILE_NAME
    if not path.is_file():
        raise RunDirectoryError(f"{directory}: holds no study. Start one with `tuner run`.")
    try:
        if (directory / REPAIRED).exists():
            raise ValueError("its repair was interrupted")
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
    return Study.from_json(data["study"]), earlier.header(data["header"])


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


def header_row(study: Study, header: dict[str, Any]) -> tuple[Any, ...]:
    """What ``read_study`` reads back."""
    body = json.dumps({"study": study.to_json(), "header": header})
    return (FORMAT_VERSION, body, _checksum(FORMAT_VERSION, body))


def create_file(path: Path, header: tuple[Any, ...], entries: Iterable[Entry] = ()) -> None:
    """Make the file with the row of its header and events, numbered anew, whole or not at all."""
    new = path.with_name(f"{path.name}.new")
    with disk_faults(path):
        new.unlink(missing_ok=True)
        with closing(connect(new)) as connection, connection:
            connection.execute("BEGIN")
            connection.execute(HEADER_TABLE)
            connection.execute(EVENTS_TABLE)
            connection.execute("INSERT INTO header VALUES (?, ?, ?)", header)
            insert(connection, (replace(entry, sequence=n) for n, entry in enumerate(entries, 1)))
        new.replace(path)


def insert(connection: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    """Add events to the transaction."""
    connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", map(_row, entries))


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
    path = directory / FILE_NAME
    uri = f"{path.absolute().as_uri()}?mode=ro"
    if not os.access(directory, os.W_OK):  # where SQLite cannot make the -shm that it reads by
        wal, shm = (path.with_name(f"{FILE_NAME}-{end}").exists() for end in ("wal", "shm"))
        if wal and not shm:
            raise EnvironmentFault(f"{directory}: is read-only. Copy it to where you may write.")
        uri += "" if wal else "&immutable=1"
    return sqlite3.connect(uri, uri=True)


def connect(path: Path) -> sqlite3.Connection:
    """A connection whose commits are on the disk when they return."""
    with disk_faults(path):
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
    return connection


@contextmanager
def disk_faults(path: Path) -> Iterator[None]:
    """Tell what keeps the journal at ``path`` from being written as an ``EnvironmentFault``."""
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        raise EnvironmentFault(
            f"{path}: cannot write the journal ({error}). Free space or mend the directory, then"
            f" `tuner resume {path.parent}`."
        ) from None
