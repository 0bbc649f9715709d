"""What value a study will reach and how long it will take, from past studies of the same data."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from meta.arrays import Array
from meta.study import Study, Task, TrialState

COVERAGE = 0.8
"""The probability that an interval is meant to have."""
TRIALS = (1, 5, 10, 25, 50, 100)
BELIEF = 1
"""So many draws the usual variance is worth."""
ROUGH = 0.1
"""The relative deviation that is believed in where no task was ever studied twice."""


@dataclass(frozen=True)
class Interval:
    """An expected number, and the range in which it will be with probability ``COVERAGE``."""

    expected: float
    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


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
    checks = []
    for study in studies:
        others = [other for other in studies if other is not study]
        if any(other.task == study.task for other in others):
            checks.append((_best(study, trials), _value(study.task, others, trials)))
    return checks


def _best(study: Study, trials: int) -> float:
    """The best completed among the first trials; the first to complete, where none of them did."""
    completed = [trial for trial in study.trials if trial.state is TrialState.COMPLETED]
    early = [trial for trial in completed if trial.id < trials] or completed[:1]
    best = study.with_trials(tuple(early)).best
    assert best is not None
    assert best.value is not None
    return best.value


def _value(task: Task, studies: Sequence[Study], trials: int) -> Interval:
    found = _interval(task, studies, lambda study: _best(study, trials))
    metric = next(study.metric for study in studies if study.task == task)
    ends = (found.expected, found.low, found.high)
    return Interval(*(min(max(end, metric.low), metric.high) for end in ends))


def _hours(task: Task, studies: Sequence[Study], trials: int) -> Interval:
    def hours(study: Study) -> float:
        return trials * float(np.mean([trial.seconds for trial in study.trials])) / 3600

    found = _interval(task, studies, hours)
    return Interval(found.expected, max(found.low, 0.0), found.high)


def _interval(task: Task, studies: Sequence[Study], measure: Callable[[Study], float]) -> Interval:
    """Where the measure of one more study of ``task`` is expected."""
    draws: dict[Task, list[float]] = defaultdict(list)
    for study in studies:
        draws[study.task].append(measure(study))
    values = np.array(draws[task])
    unit, mean = float(np.abs(values).mean()), float(values.mean())
    related, usual = _scatter(draws, lambda other: other.dataset == task.dataset)
    squares = BELIEF * (np.median(usual) if len(usual) else ROUGH**2) + related.sum()
    freedom = BELIEF + len(related)
    deviation = unit * np.sqrt(squares / freedom * (1 + 1 / len(values)))
    reach = float(student.ppf((1 + COVERAGE) / 2, freedom) * deviation)
    return Interval(mean, mean - reach, mean + reach)


def _scatter(
    draws: dict[Task, list[float]], related: Callable[[Task], bool]
) -> tuple[Array, Array]:
    """The squared deviations, relative to the mean of each task: of related tasks, of all.

    Each is one degree of freedom, so that their mean is the variance.
    """
    own: list[float] = []
    every: list[float] = []
    for task, values in draws.items():
        group = np.array(values)
        if len(group) > 1 and group.any():
            variance = float(group.var(ddof=1) / np.abs(group).mean() ** 2)
            every.append(variance)
            own += [variance] * (len(group) - 1) if related(task) else []
    return np.array(own), np.array(every)
