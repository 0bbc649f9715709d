"""What value a study will reach and how long it will take, from past studies of the same data."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from meta.arrays import Array
from meta.study import Metric, Study, Task, TrialState

COVERAGE = 0.8
"""The probability that an interval is meant to have."""
TRIALS = (1, 5, 10, 25, 50, 100)
BELIEF = 1
"""So many draws the usual variance is worth."""
ROUGH = 0.1
"""The relative deviation that is believed in where no task was ever studied twice."""


Measure = Callable[[Study], float]


@dataclass(frozen=True)
class Interval:
    """An expected number, and the range in which it will be with probability ``COVERAGE``."""

    expected: float
    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Scatter:
    """The variance between studies of one task, relative to their mean; no freedom, if unknown."""

    variance: float
    freedom: int


@dataclass(frozen=True)
class Forecast:
    """The best value after so many trials, and the hours that all trials train in sum.

    ``studies`` of the same task it rests on; of ``checked`` past studies that were forecast from
    the others in the same way, ``held`` ended inside their interval.
    """

    values: dict[int, Interval]
    hours: Interval
    studies: int
    held: int
    checked: int


def forecast(task: Task, studies: Sequence[Study], trials: int) -> Forecast | None:
    """What to expect of a study of ``trials`` trials; None without a past study of the task.

    What studies of one task reach scatters, mostly with the split of the data: in the variance that
    studies of the same data have, moderated by what is usual for others. The interval is that of
    one more draw from a normal distribution of estimated mean and such a variance: G. K. Smyth,
    Linear Models and Empirical Bayes Methods (2004), equation 3.
    """
    usable = [study for study in studies if study.best is not None]
    known = [study for study in usable if study.task == task]
    if not known:
        return None
    checks = _checks(usable, trials)
    return Forecast(
        {n: _value(task, usable, n) for n in sorted({n for n in TRIALS if n < trials} | {trials})},
        _hours(task, usable, trials),
        len(known),
        sum(value in interval for value, interval in checks),
        len(checks),
    )


def _checks(studies: Sequence[Study], trials: int) -> list[tuple[float, Interval]]:
    """What each study reached, beside the forecast from the others, where they know its task."""
    reached, metrics = _by_task(studies, _best(trials)), _metrics(studies)
    scatters = _scatters(reached)
    checks = []
    for task, values in reached.items():
        for row in range(len(values) if len(values) > 1 else 0):
            others = np.delete(values, row)
            found = _interval(task, others, {**scatters, task: _scatter(others)})
            checks.append((float(values[row]), _clipped(found, metrics[task])))
    return checks


def _value(task: Task, studies: Sequence[Study], trials: int) -> Interval:
    reached = _by_task(studies, _best(trials))
    return _clipped(_interval(task, reached[task], _scatters(reached)), _metrics(studies)[task])


def _hours(task: Task, studies: Sequence[Study], trials: int) -> Interval:
    def hours(study: Study) -> float:
        return trials * float(np.mean([trial.seconds for trial in study.trials])) / 3600

    taken = _by_task(studies, hours)
    found = _interval(task, taken[task], _scatters(taken))
    return Interval(found.expected, max(found.low, 0.0), found.high)


def _best(trials: int) -> Measure:
    """The best completed among the first trials; the first to complete, where none of them did."""

    def best(study: Study) -> float:
        completed = [trial for trial in study.trials if trial.state is TrialState.COMPLETED]
        early = [trial for trial in completed if trial.id < trials] or completed[:1]
        found = study.with_trials(tuple(early)).best
        assert found is not None
        assert found.value is not None
        return found.value

    return best


def _by_task(studies: Sequence[Study], measure: Measure) -> dict[Task, Array]:
    values: dict[Task, list[float]] = defaultdict(list)
    for study in studies:
        values[study.task].append(measure(study))
    return {task: np.array(found) for task, found in values.items()}


def _metrics(studies: Sequence[Study]) -> dict[Task, Metric]:
    return {study.task: study.metric for study in reversed(studies)}


def _clipped(interval: Interval, metric: Metric) -> Interval:
    ends = (interval.expected, interval.low, interval.high)
    return Interval(*(min(max(end, metric.low), metric.high) for end in ends))


def _interval(task: Task, values: Array, scatters: Mapping[Task, Scatter]) -> Interval:
    """Where one more of ``values`` is expected, which studies of ``task`` came to."""
    unit, mean = float(np.abs(values).mean()), float(values.mean())
    usual = [scatter.variance for scatter in scatters.values() if scatter.freedom]
    related = [scatter for other, scatter in scatters.items() if other.dataset == task.dataset]
    squares = BELIEF * (float(np.median(usual)) if usual else ROUGH**2)
    squares += sum(scatter.variance * scatter.freedom for scatter in related)
    freedom = BELIEF + sum(scatter.freedom for scatter in related)
    deviation = unit * np.sqrt(squares / freedom * (1 + 1 / len(values)))
    reach = float(student.ppf((1 + COVERAGE) / 2, freedom) * deviation)
    return Interval(mean, mean - reach, mean + reach)


def _scatters(values: Mapping[Task, Array]) -> dict[Task, Scatter]:
    return {task: _scatter(group) for task, group in values.items()}


def _scatter(values: Array) -> Scatter:
    if len(values) < 2 or not values.any():
        return Scatter(0.0, 0)
    return Scatter(float(values.var(ddof=1) / np.abs(values).mean() ** 2), len(values) - 1)
