"""What happened in a study, durably: an append-only log of events in one SQLite file.

The log is the truth; the trials are folded from it by one function, in a run and in a resume alike.
Nothing is rewritten in place, and an append returns only when the event is on the disk (WAL,
``synchronous=FULL``), so a kill at any instant loses nothing that was acknowledged.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from meta.space import Config
from meta.study import Measurement, Study, Trial, TrialState
from tuner.errors import EnvironmentFault, RunDirectoryError

FORMAT_VERSION = 1
FILE_NAME = "journal.db"

SCHEMA = """
CREATE TABLE header (version INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    trial INTEGER,
    body TEXT NOT NULL,
    elapsed_seconds REAL NOT NULL,
    unix_time REAL NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Started:
    """A trial was handed out: to be run, or to be run again after an interruption."""

    trial: int
    config: Config
    origin: str
    seed: int


@dataclass(frozen=True, slots=True)
class Measured:
    """A trial reported a measurement."""

    trial: int
    measurement: Measurement


@dataclass(frozen=True, slots=True)
class Ended:
    """A trial reached a final state after ``seconds`` of training."""

    trial: int
    state: TrialState
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Finished:
    """The study is over; nothing follows but a final fit."""

    reason: str


@dataclass(frozen=True, slots=True)
class Tested:
    """The best configuration was trained once more and measured on the test data."""

    config: Config
    value: float
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


Event = Started | Measured | Ended | Finished | Tested


@dataclass(frozen=True, slots=True)
class Entry:
    """An event with its place in the log; ``elapsed_seconds`` counts only while the study runs."""

    sequence: int
    event: Event
    elapsed_seconds: float
    unix_time: float


def _to_row(event: Event) -> tuple[str, int | None, dict[str, Any]]:
    match event:
        case Started(trial, config, origin, seed):
            return "started", trial, {"config": config, "origin": origin, "seed": seed}
        case Measured(trial, measurement):
            return "measured", trial, measurement.to_json()
        case Ended(trial, state, reason, seconds):
            return "ended", trial, {"state": str(state), "reason": reason, "seconds": seconds}
        case Finished(reason):
            return "finished", None, {"reason": reason}
        case Tested(config, value, metrics, seconds):
            body = {"config": config, "value": value, "metrics": metrics, "seconds": seconds}
            return "tested", None, body


def _from_row(kind: str, trial: int, body: dict[str, Any]) -> Event:
    match kind:
        case "started":
            return Started(trial, **body)
        case "measured":
            return Measured(trial, Measurement(**body))
        case "ended":
            return Ended(trial, **{**body, "state": TrialState(body["state"])})
        case "finished":
            return Finished(**body)
        case "tested":
            return Tested(**body)
        case _:
            raise ValueError(f"unknown event {kind!r}")


def fold(trials: dict[int, Trial], event: Event) -> None:
    """Apply one event to the trials; steps that repeat or go back change nothing."""
    match event:
        case Started(trial, config, origin, seed):
            trials.setdefault(trial, Trial(trial, config, origin=origin, seed=seed))
        case Measured(trial, measurement):
            old = trials[trial]
            if measurement.step > old.step:
                trials[trial] = replace(old, measurements=(*old.measurements, measurement))
        case Ended(trial, state, reason, seconds):
            trials[trial] = replace(trials[trial], state=state, reason=reason, seconds=seconds)
        case Finished() | Tested():
            pass


class Journal:
    """The log of one study and the trials folded from it.

    Open it with ``create`` or ``open``. Only the driver's thread appends; other threads and
    processes read the file with ``read_entries``.
    """

    def __init__(
        self, path: Path, connection: sqlite3.Connection, study: Study, header: dict[str, Any]
    ) -> None:
        self.path = path
        self.header = header
        self.trials: dict[int, Trial] = {}
        self.finished: Finished | None = None
        self.tested: Tested | None = None
        self._study = study
        self._connection = connection
        self._listeners: list[Callable[[Event], None]] = []
        self._elapsed_before = 0.0
        self._sequence = 0
        for entry in read_entries(connection):
            self._apply(entry.event)
            self._sequence = entry.sequence
            self._elapsed_before = entry.elapsed_seconds
        self._opened = time.monotonic()

    @classmethod
    def create(cls, directory: Path, study: Study, header: dict[str, Any]) -> "Journal":
        """Start the log of ``study`` (without trials); ``header`` is kept beside it as JSON."""
        path = directory / FILE_NAME
        connection = _connect(path)
        body = json.dumps({"study": study.to_json(), "header": header})
        with _disk_faults(path), connection:
            connection.executescript(SCHEMA)
            connection.execute("INSERT INTO header VALUES (?, ?)", (FORMAT_VERSION, body))
        return cls(path, connection, study, header)

    @classmethod
    def open(cls, directory: Path) -> "Journal":
        """Read a log back; raises ``RunDirectoryError`` if there is none or it is damaged."""
        path = directory / FILE_NAME
        if not path.is_file():
            raise RunDirectoryError(f"{directory}: holds no study. Start one with `tuner run`.")
        try:
            connection = _connect(path)
            study, header = read_header(connection)
            return cls(path, connection, study, header)
        except (sqlite3.DatabaseError, ValueError, KeyError, TypeError) as error:
            raise RunDirectoryError(
                f"{path}: the journal is damaged ({error}). Copy {directory} away and recover what"
                f" is readable with `sqlite3 {path} .recover`."
            ) from None

    @property
    def study(self) -> Study:
        """The study as it stands."""
        return self._study.with_trials(tuple(self.trials[id] for id in sorted(self.trials)))

    @property
    def elapsed_seconds(self) -> float:
        """How long the study has run, over all its sessions."""
        return self._elapsed_before + time.monotonic() - self._opened

    def append(self, *events: Event) -> None:
        """Write events in one transaction; on the disk when this returns.

        Raises ``EnvironmentFault`` if the disk is full or the directory is gone; then nothing of
        the events is kept.
        """
        now, elapsed = time.time(), self.elapsed_seconds
        rows = []
        for sequence, event in enumerate(events, self._sequence + 1):
            kind, trial, body = _to_row(event)
            rows.append((sequence, kind, trial, json.dumps(body, allow_nan=False), elapsed, now))
        with _disk_faults(self.path), self._connection:
            self._connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", rows)
        self._sequence += len(rows)
        for event in events:
            self._apply(event)
            for listener in self._listeners:
                listener(event)

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call ``listener`` with every event from now on, after it is durable."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Close the file; the log stays complete at any time, also without this."""
        self._connection.close()

    def _apply(self, event: Event) -> None:
        fold(self.trials, event)
        if isinstance(event, Finished):
            self.finished = event
        elif isinstance(event, Tested):
            self.tested = event


def read_header(connection: sqlite3.Connection) -> tuple[Study, dict[str, Any]]:
    """The study (without trials) and the header it was created with."""
    if connection.execute("PRAGMA quick_check").fetchone() != ("ok",):
        raise sqlite3.DatabaseError("quick_check failed")
    version, body = connection.execute("SELECT version, body FROM header").fetchone()
    if version != FORMAT_VERSION:
        raise ValueError(f"journal format {version}, this tuner reads {FORMAT_VERSION}")
    data = json.loads(body)
    return Study.from_json(data["study"]), data["header"]


def read_entries(connection: sqlite3.Connection, after: int = 0) -> Iterator[Entry]:
    """The events after a sequence number, in order."""
    query = "SELECT sequence, kind, trial, body, elapsed_seconds, unix_time FROM events"
    for sequence, kind, trial, body, elapsed, now in connection.execute(
        f"{query} WHERE sequence > ? ORDER BY sequence", (after,)
    ):
        yield Entry(sequence, _from_row(kind, trial, json.loads(body)), elapsed, now)


def connect_readonly(directory: Path) -> sqlite3.Connection:
    """A second connection for a reader in another thread or process."""
    return sqlite3.connect(f"file:{directory / FILE_NAME}?mode=ro", uri=True)


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
