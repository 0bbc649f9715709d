"""What happened in a study, durably: an append-only log of events in one SQLite file.

The log is the truth; the trials are folded from it by one function, in a run and in a resume alike.
Nothing is rewritten in place, and an append returns only when the event is on the disk (WAL,
``synchronous=FULL``), so a kill at any instant loses nothing that was acknowledged.
"""

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from meta.study import Metric, Study, Trial
from tuner.errors import EnvironmentFault, RunDirectoryError, TunerError
from tuner.events import Ended, Event, FinalFit, Finished, fold
from tuner.final_result import FinalResult, final_seeds
from tuner.journal_file import (
    FILE_NAME,
    LAST_FILE,
    Entry,
    connect,
    create_file,
    disk_faults,
    header_row,
    insert,
    read_journal,
)
from tuner.ledger import Ledger


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
        self._connection = connect(path)
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
        self.restart_clock()

    @classmethod
    def create(cls, directory: Path, study: Study, header: dict[str, Any]) -> "Journal":
        """Start the log of ``study`` (without trials); ``header`` is kept beside it as JSON."""
        path = directory / FILE_NAME
        create_file(path, header_row(study, header))
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
        return time.monotonic() - self._began

    def restart_clock(self) -> None:
        """Count from now on: what passed since the last event was no work on the study."""
        self._began = time.monotonic() - self.last_seconds

    def append(self, *events: Event) -> None:
        """Write events in one transaction; on the disk when this returns.

        Raises ``EnvironmentFault`` if they cannot be written, ``RunDirectoryError`` if the file was
        moved away; then nothing of the events is kept. ``fault`` tells it to those whom Ray
        shields from it.
        """
        now, elapsed = time.time(), self.elapsed_seconds
        entries = [
            Entry(sequence, event, elapsed, now)
            for sequence, event in enumerate(events, self._sequence + 1)
        ]
        try:
            self._check_place()
            with disk_faults(self.path), self._connection:
                insert(self._connection, entries)
        except TunerError as fault:
            self.fault = fault
            raise
        self._sequence += len(entries)
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
