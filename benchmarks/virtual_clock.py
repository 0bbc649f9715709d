"""Trials that train side by side on a virtual clock, by the learning curves of a table."""

import time
from heapq import heappop, heappush
from typing import Any, NamedTuple

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import TrialState as OptunaState

from meta.study import Measurement
from tuner.asha import Asha

Array = NDArray[np.float64]
Curve = tuple[Measurement, ...]


class Curves(NamedTuple):
    """A task's values and the seconds up to them: a row per configuration, a column per epoch."""

    epochs: tuple[int, ...]
    values: Array
    seconds: Array

    def of(self, row: int) -> Curve:
        points = zip(self.epochs, self.values[row], self.seconds[row], strict=True)
        return tuple(Measurement(epoch, float(value), float(at)) for epoch, value, at in points)


class Tuning:
    """An Optuna study whose every proposal is moved to the nearest row not tried yet.

    ``space`` and ``table`` are a search space and a task of `transfer_bench.py`.

    ``proposals`` are as they were made; ``crowded`` counts those whose nearest row was taken;
    ``gaps`` are the distances of each to the nearest trial that was running then, in the unit cube;
    ``seconds`` of CPU went into the sampler.
    """

    def __init__(self, space: Any, table: Any, curves: Curves, sampler: Any) -> None:
        self._space, self._table, self._curves = space, table, curves
        self._study = optuna.create_study(sampler=sampler)
        self._taken = np.zeros(len(table.configs), bool)
        self._running: dict[int, tuple[optuna.Trial, int]] = {}
        self.proposals: list[tuple[Any, ...]] = []
        self.crowded = 0
        self.gaps: list[float] = []
        self.seconds = 0.0

    def start(self) -> tuple[int, Curve]:
        """The number and the curve of the next trial; the study is told which row it really is."""
        began = time.process_time()
        trial = self._study.ask()
        config = self._space.suggest(trial)
        self.seconds += time.process_time() - began
        self._look_at(config)
        row = self._table.nearest(config, self._taken)
        self._taken[row] = True
        self._running[trial.number] = trial, row
        stored = self._study._storage._get_trial(trial._trial_id)  # type: ignore[attr-defined]
        stored.params = self._table.configs[row]
        return trial.number, self._curves.of(row)

    def _look_at(self, config: dict[str, Any]) -> None:
        configs = self._table.configs
        self.proposals.append(tuple(config.values()))
        self.crowded += bool(self._taken[self._table.nearest(config)])
        if self._running:
            others = configs.X[[row for _, row in self._running.values()]]
            squares = ((others - self._space.encode([config])) ** 2).sum(axis=1)
            self.gaps.append(float(np.sqrt(squares.min())))

    def report(self, number: int, measurement: Measurement) -> None:
        self._running[number][0].report(measurement.value, measurement.step)

    def end(self, number: int, value: float | None) -> None:
        """With the value of a full training, or None where it was stopped."""
        state = OptunaState.PRUNED if value is None else None
        trial, _ = self._running.pop(number)
        began = time.process_time()
        self._study.tell(trial, value, state=state)
        self.seconds += time.process_time() - began


class Completed(NamedTuple):
    """A full training: when it ended on the clock, which trial it was, what it reached."""

    seconds: float
    number: int
    value: float


def simulate(
    tuning: Tuning, workers: int, asha: Asha | None, trials: int, until: float
) -> list[Completed]:
    """The full trainings in the order of their ends.

    The workers are kept busy until the clock shows ``until`` or all ``trials`` have ended.
    """
    reports: list[tuple[float, int, Curve]] = []
    completed = []

    def start(now: float) -> None:
        if len(tuning.proposals) < trials:
            number, curve = tuning.start()
            heappush(reports, (now + curve[0].seconds, number, curve))

    for _ in range(workers):
        start(0.0)
    while reports and reports[0][0] <= until:
        now, number, (here, *ahead) = heappop(reports)
        tuning.report(number, here)
        stopped = asha is not None and asha.judge(number, here) is not None
        if ahead and not stopped:
            later = now + ahead[0].seconds - here.seconds
            heappush(reports, (later, number, tuple(ahead)))
            continue
        if not stopped:
            completed.append(Completed(now, number, here.value))
        tuning.end(number, None if stopped else here.value)
        start(now)
    return completed
