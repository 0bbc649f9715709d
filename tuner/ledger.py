"""What a study has occupied and used so far, counted from the events of its journal.

A GPU is occupied while at least one training of the study holds a share of it: trials that share
one do not count twice, and one that fails, is stopped or has to be repeated counts like any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tuner.bill import Bill, Part
from tuner.events import Allotted, Ended, Event, FinalFit, Finished, Requeued, Used
from tuner.usage import Usage

Interval = tuple[float, float]
FINAL = None
"""In place of a trial's number: the trainings after the search."""
SEARCH, FINAL_FITS = "search", "final fits"


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


@dataclass
class Stretch:
    """The part of a session in which the search, or the final fits, had the places to train in."""

    session: Allotted
    began: float
    until: float
    fits: int = 0

    def offered_seconds(self, on_gpus: bool, final: bool) -> float:
        """Until the last sign of a training; no more places than there were final fits."""
        places = self.session.gpus if on_gpus else self.session.concurrency
        if final:
            places = min(places, self.fits)
        return (self.until - self.began) * places


class Ledger:
    """Folded from the events of a study, in a run and in a resume alike.

    ``trials`` holds what each trial used over all its attempts (under None: the final fits),
    ``requeued`` how often and why a trial had to be repeated with a larger share of a GPU,
    ``sessions`` what the trials were given, once for each time that the study was taken up.
    """

    def __init__(self) -> None:
        self.trials: dict[int | None, Usage] = {}
        self.predicted_bytes: dict[int | None, int] = {}
        self.requeued: dict[int, list[Requeued]] = {}
        self.sessions: list[Allotted] = []
        self._gpus: dict[str, Occupancy] = {}
        self._offered = {SEARCH: 0.0, FINAL_FITS: 0.0}
        self._stretch: Stretch | None = None
        self._latest = 0.0
        self._search_gpu_seconds: float | None = None

    def enter(self, event: Event, elapsed_seconds: float) -> None:
        """Take in an event; ``elapsed_seconds`` is the study's running time at it."""
        match event:
            case Allotted():
                self._close_stretch()
                self.sessions.append(event)
                self._stretch = self._new_stretch(elapsed_seconds)
            case Used(trial, usage, predicted):
                self._use(trial, usage, elapsed_seconds)
                if predicted:
                    self.predicted_bytes[trial] = predicted
            case Requeued(trial):
                self.requeued.setdefault(trial, []).append(event)
                self._release(trial, elapsed_seconds)
            case Ended(trial):
                self._release(trial, elapsed_seconds)
            case Finished():
                self._close_stretch()
                self._search_gpu_seconds = self.gpu_seconds()
                self._stretch = self._new_stretch(elapsed_seconds)
            case FinalFit() if self._stretch:
                self._stretch.fits += 1
        self._latest = elapsed_seconds

    def gpu_seconds(self, now: float | None = None) -> float:
        """Occupied time of all GPUs until ``now`` (the study's running time)."""
        at = self._latest if now is None else now
        return sum(gpu.seconds(at) for gpu in self._gpus.values())

    @property
    def gpu_hours(self) -> float:
        """Occupied hours of all GPUs."""
        return self.gpu_seconds() / 3600

    @property
    def bill(self) -> Bill:
        """What was used, the search and the final fits apart."""
        together, searched = 3600 * self.gpu_hours, self._search_gpu_seconds
        on_gpus = together if searched is None or not self.sessions else searched
        trials = [usage for trial, usage in self.trials.items() if trial is not FINAL]
        fits = [usage for trial, usage in self.trials.items() if trial is FINAL]
        return Bill(
            self._part(SEARCH, trials, on_gpus), self._part(FINAL_FITS, fits, together - on_gpus)
        )

    def to_json(self) -> dict[str, Any]:
        """The bill, as ``--json`` and MLflow show it; None where nothing was measured."""
        bill = self.bill
        return {
            **bill.to_json(),
            "requeued": sum(map(len, self.requeued.values())),
            "mps": bill.total.usage.mps,
        }

    def _part(self, phase: str, usages: Sequence[Usage], gpu_seconds: float) -> Part:
        usage = sum(usages, Usage())
        held = sum(one.seconds * one.cpu for one in usages)
        busy = gpu_seconds if self._gpus else usage.seconds
        offered = self._offered[phase] + (self._open() if phase == self._phase else 0.0)
        # Final fits that came to nothing had places, too, and are not counted in the stretch.
        offered = max(offered, busy if phase == FINAL_FITS else 0.0)
        return Part(usage, held, gpu_seconds, min(busy, offered), offered)

    @property
    def _phase(self) -> str:
        return SEARCH if self._search_gpu_seconds is None else FINAL_FITS

    def _use(self, trial: int | None, usage: Usage, now: float) -> None:
        self.trials[trial] = self.trials.get(trial, Usage()) + usage
        for gpu in usage.gpus:
            self._gpus.setdefault(gpu, Occupancy()).open(trial, max(now - usage.seconds, 0.0))
        if trial is FINAL:
            self._release(trial, now)
        if self._stretch and (trial is FINAL) == (self._phase == FINAL_FITS):
            self._stretch.until = now

    def _release(self, trial: int | None, now: float) -> None:
        for gpu in self._gpus.values():
            gpu.close(trial, now)

    def _close_stretch(self) -> None:
        """What was open when a session ended counts until its last sign of life."""
        for gpu in self._gpus.values():
            gpu.close_all(self._latest)
        self._offered[self._phase] += self._open()
        self._stretch = None

    def _new_stretch(self, now: float) -> Stretch | None:
        return Stretch(self.sessions[-1], now, now) if self.sessions else None

    def _open(self) -> float:
        """What the stretch that is not closed yet has offered so far."""
        if self._stretch is None:
            return 0.0
        return self._stretch.offered_seconds(bool(self._gpus), self._phase == FINAL_FITS)
