"""How many trials share a GPU: by their memory, as predicted and then measured, and by throughput.

A trial's share of a GPU is the larger of two: what its peak memory asks for, and one part in so
many as throughput allows. That is 2, then 4 where 4 trials together made over 10 % more steps in a
second than 2, and so on by doubling. Shares are memory first: those that run together fit together.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from meta.space import Config
from meta.study import Trial, TrialState
from tuner.events import Ended, Event, Requeued, Used
from tuner.ledger import Ledger
from tuner.usage import Usage

MAX_REQUEUES = 2
FIRST_PER_GPU = 2
MAX_PER_GPU = 16
WORTHWHILE_GROWTH = 1.10
"""Throughput that doubling the trials on a GPU must bring: below, they only learn later."""
ENOUGH_TRIALS = 4
"""Trials whose speed must be known before a number on a GPU is judged."""
MEASURED_MARGIN = 1.05
UNSEEN_MARGIN = 1.25
"""What is added to a measured peak for the same shape, and where no shape can be told."""


@dataclass(frozen=True, slots=True)
class Gpus:
    """What trials share: how many GPUs, the bytes of each that may be filled (0: unknown)."""

    count: float = 0.0
    bytes: int = 0
    asked: float | str = 0.0
    most: int = MAX_PER_GPU

    @property
    def is_auto(self) -> bool:
        """Whether the shares are to be found."""
        return self.asked == "auto" and self.count > 0


NO_GPUS = Gpus()


def share_of(per_gpu: int) -> float:
    """The share of so many trials on a GPU, in the four digits that Ray knows, never too large."""
    return math.floor(1e4 / per_gpu) / 1e4


@dataclass(frozen=True, slots=True)
class Place:
    """Where a trial runs: its share of a GPU, the bytes of one that all may fill together, and what
    must be free before it begins (0: unknown).
    """

    gpu: float = 0.0
    usable_bytes: int = 0
    needed_bytes: int = 0


@dataclass
class Peaks:
    """What is known of peak memory; a shape is named by the bytes predicted for it (0: none)."""

    predict: Callable[[Config], int]
    measured: dict[int, int] = field(default_factory=dict)
    too_few: dict[int, int] = field(default_factory=dict)

    def enter(self, shape: int, peak_bytes: int) -> None:
        """A training of this shape used so much."""
        self.measured[shape] = max(self.measured.get(shape, 0), peak_bytes)

    def enter_too_few(self, shape: int, bytes: int) -> None:
        """A training of this shape ran out of so much; that says nothing of other shapes."""
        self.too_few[shape] = max(self.too_few.get(shape, 0), bytes)

    def expected(self, config: Config) -> int:
        """The peak in bytes to make room for: measured, or predicted and corrected; 0: unknown."""
        shape = self.predict(config)
        more = MEASURED_MARGIN * self.too_few.get(shape, 0)
        if shape in self.measured:
            margin = MEASURED_MARGIN if shape else UNSEEN_MARGIN
            return round(max(margin * self.measured[shape], more))
        return round(max(shape * self.correction, more))

    @property
    def correction(self) -> float:
        """By how much the worst measured shape exceeded, or all fell short of, its prediction."""
        ratios = [peak / shape for shape, peak in self.measured.items() if shape]
        return max(ratios) * MEASURED_MARGIN if ratios else 1.0


@dataclass
class Speeds:
    """Steps per second of single trials, by how many shared a GPU with each other."""

    seen: dict[int, list[float]] = field(default_factory=dict)

    def enter(self, usage: Usage) -> None:
        """A trial that ended on a share of a GPU."""
        if 0 < usage.gpu <= 1 and usage.steps and usage.seconds:
            self.seen.setdefault(int(1 / usage.gpu), []).append(usage.steps / usage.seconds)

    def per_gpu(self, most: int) -> int:
        """How many to put on one GPU next: the best known, or the next to be measured."""
        number = min(FIRST_PER_GPU, most)
        while number * 2 <= most and self._together(number) is not None:
            now, doubled = self._together(number), self._together(2 * number)
            if doubled is None:
                return 2 * number
            assert now is not None
            if doubled <= WORTHWHILE_GROWTH * now:
                break
            number *= 2
        return number

    def _together(self, number: int) -> float | None:
        seen = self.seen.get(number, [])
        return number * median(seen) if len(seen) >= ENOUGH_TRIALS else None


class Packing:
    """Which share each trial gets, which may start now, and what follows from running out.

    ``shares`` are those of the trials that run. Everything is learned from the study's events, so
    a resumed study goes on with what it knew.
    """

    def __init__(self, gpus: Gpus, predict: Callable[[Config], int], ledger: Ledger) -> None:
        self.gpus = gpus
        self.shares: dict[int, float] = {}
        self.peaks = Peaks(predict)
        self._speeds = Speeds()
        self._ledger = ledger
        self._handed: dict[int, tuple[float, int]] = {}

    def learn(self, trial: Trial) -> None:
        """Take in a trial of an earlier session."""
        for again in self._ledger.requeued.get(trial.id, ()):
            self._ran_out(trial.config, again.gpu / 2)
        self._enter(trial)

    def hear(self, trials: dict[int, Trial], event: Event) -> None:
        """Follow the journal."""
        match event:
            case Ended(id):
                self._enter(trials[id])
            case Requeued(id):
                self._ran_out(trials[id].config, self._handed[id][0])
            case Used(int(id), usage) if usage.steps and usage.peak_gpu_bytes:
                self.peaks.enter(self.peaks.predict(trials[id].config), usage.peak_gpu_bytes)

    def place(self, trial: Trial) -> Place | None:
        """Take a share of a GPU for a trial; None while there is no room."""
        expected = self.peaks.expected(trial.config)
        again = self._ledger.requeued.get(trial.id)
        share = again[-1].gpu if again else self._share(expected)
        if share > self._free + 1e-9 and self.shares:
            return None
        self.shares[trial.id] = share
        self._handed[trial.id] = share, expected
        mine = round(min(share, 1.0) * self.gpus.bytes)
        return Place(share, self.gpus.bytes, min(expected, mine))

    def has_room(self) -> bool:
        """Whether the smallest share that a trial may get is free."""
        least = share_of(self._per_gpu) if self.gpus.is_auto else self._asked
        return not self.shares or least <= self._free + 1e-9

    def leave(self, trial: int) -> None:
        """A trial gave its share back."""
        self.shares.pop(trial, None)

    def larger(self, trial: int) -> float | None:
        """Twice the share that was too small, a whole GPU at most; None after the last attempt."""
        share, _ = self._handed.get(trial, (0.0, 0))
        repeated = len(self._ledger.requeued.get(trial, ()))
        if not 0 < share < 1 or repeated >= MAX_REQUEUES:
            return None
        return share_of(max(int(1 / share) // 2, 1))

    def predicted_bytes(self, trial: int) -> int:
        """What the trial was expected to use when it was handed out."""
        return self._handed.get(trial, (0.0, 0))[1]

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Ray pickles what refers to it, and nobody reads that pickle back."""
        return {}

    @property
    def _asked(self) -> float:
        return 0.0 if self.gpus.asked == "auto" else float(self.gpus.asked)

    @property
    def _free(self) -> float:
        return self.gpus.count - sum(self.shares.values())

    @property
    def _per_gpu(self) -> int:
        return self._speeds.per_gpu(self.gpus.most)

    def _share(self, expected_bytes: int) -> float:
        """Of a trial that runs for the first time; whole where nothing is known of its memory."""
        if not self.gpus.is_auto:
            return self._asked
        if not expected_bytes or not self.gpus.bytes:
            return 1.0
        return share_of(max(min(self.gpus.bytes // expected_bytes, self._per_gpu), 1))

    def _enter(self, trial: Trial) -> None:
        usage = self._ledger.trials.get(trial.id)
        if usage is None or trial.state is TrialState.RUNNING:
            return
        self._speeds.enter(usage)
        if usage.steps and usage.peak_gpu_bytes:
            self.peaks.enter(self.peaks.predict(trial.config), usage.peak_gpu_bytes)

    def _ran_out(self, config: Config, share: float) -> None:
        """A shape that does not fit into a share needs more."""
        if self.gpus.is_auto:
            self.peaks.enter_too_few(self.peaks.predict(config), round(share * self.gpus.bytes))
