"""What a study has occupied and used so far, counted from the events of its journal.

A GPU is occupied while at least one training of the study holds a share of it: trials that share
one do not count twice, and one that fails, is stopped or has to be repeated counts like any other.
"""

from typing import Any

from tuner.events import Allotted, Ended, Event, Finished, Requeued, Used
from tuner.usage import Usage

Interval = tuple[float, float]
FINAL = None
"""In place of a trial's number: the training after the search."""


class Occupancy:
    """The time in which one GPU was held by anybody; intervals come in the order of their ends."""

    def __init__(self) -> None:
        self._closed = 0.0
        self._last: list[Interval] = []
        self._since: dict[int | None, float] = {}

    def open(self, holder: int | None, start: float) -> None:
        """``holder`` has the GPU from ``start`` on."""
        self._since.setdefault(holder, start)

    def close(self, holder: int | None, end: float) -> None:
        """``holder`` gave the GPU back."""
        if holder not in self._since:
            return
        start = self._since.pop(holder)
        while self._last and self._last[-1][1] >= start:
            earlier = self._last.pop()
            self._closed -= earlier[1] - earlier[0]
            start = min(start, earlier[0])
        self._last.append((start, end))
        self._closed += end - start

    def close_all(self, end: float) -> None:
        """Whoever held the GPU is gone."""
        for holder in list(self._since):
            self.close(holder, end)

    def seconds(self, now: float) -> float:
        """How long the GPU has been held, with those who hold it still."""
        if not self._since:
            return self._closed
        start, merged = min(self._since.values()), 0.0
        for earlier in reversed(self._last):
            if earlier[1] < start:
                break
            merged += earlier[1] - earlier[0]
            start = min(start, earlier[0])
        return self._closed - merged + max(now - start, 0.0)


class Ledger:
    """Folded from the events of a study, in a run and in a resume alike.

    ``trials`` holds what each trial used over all its attempts (under None: the final fit),
    ``requeued`` how often and why a trial had to be repeated with a larger share of a GPU,
    ``sessions`` what the trials were given, once for each time that the study was taken up.
    """

    def __init__(self) -> None:
        self.trials: dict[int | None, Usage] = {}
        self.predicted_bytes: dict[int | None, int] = {}
        self.requeued: dict[int, list[Requeued]] = {}
        self.sessions: list[Allotted] = []
        self._gpus: dict[str, Occupancy] = {}
        self._capacity = 0.0
        self._began: float | None = None
        self._searched_until = 0.0
        self._latest = 0.0
        self._before = 0.0
        self._search_gpu_seconds: float | None = None

    def enter(self, event: Event, elapsed_seconds: float) -> None:
        """Take in an event; ``elapsed_seconds`` is the study's running time at it."""
        match event:
            case Allotted():
                self._close_session()
                self.sessions.append(event)
                self._began = self._searched_until = elapsed_seconds
            case Used(trial, usage, predicted):
                self._use(trial, usage, elapsed_seconds)
                if predicted:
                    self.predicted_bytes[trial] = predicted
            case Requeued(trial):
                self.requeued.setdefault(trial, []).append(event)
                self._release(trial, elapsed_seconds)
            case Ended(trial):
                self._release(trial, elapsed_seconds)
            case Finished(_, gpu_hours):
                self._before = gpu_hours
                self._close_session()
                self._search_gpu_seconds = self.gpu_seconds()
        self._latest = elapsed_seconds

    def gpu_seconds(self, now: float | None = None) -> float:
        """Occupied time of all GPUs until ``now`` (the study's running time)."""
        at = self._latest if now is None else now
        return sum(gpu.seconds(at) for gpu in self._gpus.values())

    @property
    def gpu_hours(self) -> float:
        """Occupied hours of all GPUs; of an old journal without a ledger, what it ended with."""
        if not self.sessions:
            return self._before
        return self.gpu_seconds() / 3600

    @property
    def total(self) -> Usage:
        """What everything together used."""
        return sum(self.trials.values(), Usage())

    @property
    def overhead(self) -> float | None:
        """The share of the sessions in which a place for a trial, or a GPU, was not training.

        From the start of a session to its last sign of a trial; None before there is any.
        """
        capacity = self._capacity + self._open_capacity()
        if not capacity:
            return None
        seconds = sum(u.seconds for trial, u in self.trials.items() if trial is not FINAL)
        searched = self._search_gpu_seconds
        on_gpus = self.gpu_seconds() if searched is None else searched
        busy = on_gpus if self._gpus else seconds
        return min(max(1 - busy / capacity, 0.0), 1.0)

    def to_json(self) -> dict[str, Any]:
        """The totals, as ``--json`` and MLflow show them; None where nothing was measured."""
        total, held = self.total, sum(u.seconds * u.cpu for u in self.trials.values())
        peaks = [u.peak_gpu_bytes for u in self.trials.values() if u.peak_gpu_bytes is not None]
        return {
            "gpu_hours": self.gpu_hours,
            "cpu_hours": total.cpu_seconds / 3600,
            "cpu_percent": 100 * total.cpu_seconds / held if held else None,
            "gpu_percent": total.gpu_percent,
            "gpu_memory_percent": total.gpu_memory_percent,
            "energy_joules": total.energy_joules,
            "peak_gpu_bytes": max(peaks, default=None),
            "peak_host_bytes": total.peak_host_bytes or None,
            "overhead": self.overhead,
            "requeued": sum(map(len, self.requeued.values())),
            "mps": total.mps,
        }

    def _use(self, trial: int | None, usage: Usage, now: float) -> None:
        self.trials[trial] = self.trials.get(trial, Usage()) + usage
        for gpu in usage.gpus:
            self._gpus.setdefault(gpu, Occupancy()).open(trial, max(now - usage.seconds, 0.0))
        if trial is FINAL:
            self._release(trial, now)
        else:
            self._searched_until = now

    def _release(self, trial: int | None, now: float) -> None:
        for gpu in self._gpus.values():
            gpu.close(trial, now)

    def _close_session(self) -> None:
        """What was open when a session ended counts until its last sign of life."""
        for gpu in self._gpus.values():
            gpu.close_all(self._latest)
        self._capacity += self._open_capacity()
        self._began = None

    def _open_capacity(self) -> float:
        if self._began is None:
            return 0.0
        session = self.sessions[-1]
        places = session.gpus if self._gpus else session.concurrency
        return (self._searched_until - self._began) * places
