"""When a study ends before its last trial: time, GPU-hours, failures in a row, a signal."""

import signal
from typing import Any

from ray.tune.stopper import Stopper

from meta.study import Trial, TrialState
from tuner.config import Budget
from tuner.events import Ended, Event, Measured, Used
from tuner.journal import Journal
from tuner.signals import Signals

FAILURES_IN_A_ROW = 5
FINAL_FIT_FACTOR = 1.25
"""A final fit trains on 85 instead of 70 parts of the data."""


class Limits(Stopper):
    """Asks Ray to stop the whole study; ``reason`` then says why."""

    def __init__(
        self, journal: Journal, budget: Budget, signals: Signals, final_fits: int = 0
    ) -> None:
        self.reason = ""
        self._journal = journal
        self._budget = budget
        self._final_fits = final_fits
        self._longest_gpu_seconds = 0.0
        self._signals = signals
        self._failures_in_a_row = 0
        self._seconds_before = journal.seconds
        self._first_sign_seconds: float | None = None
        for id in journal.ended:
            self._book(journal.trials[id])
        journal.listen(self._count)

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Never stops a single trial; ASHA does."""
        return False

    def stop_all(self) -> bool:
        """True as soon as a limit is reached."""
        self.reason = self.reason or self._reached()
        return bool(self.reason)

    @property
    def seconds(self) -> float:
        """Running time, without what passes until the first worker is up and begins to train."""
        if self._first_sign_seconds is None:
            return self._seconds_before
        return self._seconds_before + self._journal.elapsed_seconds - self._first_sign_seconds

    @property
    def gpu_hours(self) -> float:
        """GPUs occupied until now, also by trials that still run."""
        return self._journal.ledger.gpu_seconds(self._journal.elapsed_seconds) / 3600

    @property
    def _kept_hours(self) -> float:
        """What the final fits may need: as long as the longest trial, on more data."""
        return self._final_fits * FINAL_FIT_FACTOR * self._longest_gpu_seconds / 3600

    def _count(self, event: Event) -> None:
        if self._first_sign_seconds is None and isinstance(event, Used | Measured | Ended):
            self._first_sign_seconds = self._journal.elapsed_seconds
        if isinstance(event, Ended):
            self._book(self._journal.trials[event.trial])

    def _book(self, trial: Trial) -> None:
        usage = self._journal.ledger.trials.get(trial.id)
        if usage and usage.gpu:
            self._longest_gpu_seconds = max(self._longest_gpu_seconds, usage.seconds)
        failed = trial.state is TrialState.FAILED
        self._failures_in_a_row = self._failures_in_a_row + 1 if failed else 0

    def _reached(self) -> str:
        seconds, hours = self._budget.time_seconds, self._budget.gpu_hours
        if self._signals.received is not None:
            return f"interrupted by {signal.Signals(self._signals.received).name}"
        if seconds is not None and self.seconds >= seconds:
            return f"time budget of {seconds:g} s spent"
        if self.gpu_hours + self._kept_hours >= hours and self.gpu_hours:
            return f"budget of {hours:g} GPU-hours spent"
        if self._failures_in_a_row >= FAILURES_IN_A_ROW:
            return f"{FAILURES_IN_A_ROW} trials in a row failed"
        return ""
