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

from meta.study import Study
from tuner.errors import EnvironmentFault, RunDirectoryError, TunerError
from tuner.events import Event
from tuner.final_result import final_seeds
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
from tuner.standing import Standing


class Journal(Standing):
    """The log of one study, and how the study stands by it.

    Open it with ``create`` or ``open``. Only the driver's thread appends; other threads and
    processes read the file with ``read_entries``.
    """

    def __init__(
        self, path: Path, study: Study, header: dict[str, Any], entries: Iterable[Entry] = ()
    ) -> None:
        self.path = path
        self.header = header
        self._connection = connect(path)
        self._last = path.with_name(LAST_FILE)
        self._listeners: list[Callable[[Event], object]] = []
        self.fault: TunerError | None = None
        self._file = path.stat()
        entries = tuple(entries)
        super().__init__(study, entries)
        self._sequence = len(entries)
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

    def seeds_left(self, count: int) -> list[int]:
        """Those of ``count`` final seeds that the journal holds no test of."""
        done = {fit.seed for fit in self.final_fits}
        return [seed for seed in final_seeds(self._study.seed, count) if seed not in done]

    @property
    def elapsed_seconds(self) -> float:
        """How long the study has run, over all its sessions."""
        return time.monotonic() - self._began

    def restart_clock(self) -> None:
        """Count from now on: what passed since the last event was no work on the study."""
        self._began = time.monotonic() - self.seconds

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
        with suppress(OSError):
            self._last.write_text(str(self._sequence))
        for event in events:
            self.take(event, elapsed)
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
