"""What a trial that was stopped early would have reached, judged by those that went on."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from meta.arrays import Array, Indices
from meta.space import Config
from meta.study import Metric, Study, Trial, TrialState

FEWEST = 5
"""So many full trainings of a past study are needed to learn from them, or from their curves."""
LEAST = 0.01
"""Nothing is known better than this, as a slope or as a share of a variance."""
NOISE_DRAWS = 4
"""So many full trainings the noise is worth that is believed in beforehand."""
TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Outlook:
    """How the full loss follows from an early one, before any trial of the study was completed.

    ``slope`` is what a difference between two early losses comes to, known up to ``spread``;
    ``noise`` is the variance around it, as a share of the variance of the early losses.
    """

    slope: float = 0.5
    spread: float = 0.5
    noise: float = 0.25


Outlooks = Mapping[int, Outlook]
"""By step; a step that is missing has the outlook of one who knows nothing."""


@dataclass(frozen=True)
class Regression:
    """Of the full loss on the loss at one step, over the ``count`` trials that have both.

    The sums are of the centred losses; ``misfit`` is what ``outlook`` leaves of the full ones.
    """

    outlook: Outlook
    count: int
    early_mean: float
    full_mean: float
    square: float
    product: float
    misfit: float

    def extrapolate(self, losses: Array) -> tuple[Array, Array]:
        """The expected full losses and their variances, of trials with ``losses`` at the step."""
        at, outlook = losses - self.early_mean, self.outlook
        spread = np.maximum(self.square / self.count + at * at / (self.count + 1), TINY)
        noise = self.misfit + NOISE_DRAWS * outlook.noise * spread
        noise /= self.count + NOISE_DRAWS
        precision = self.square / noise + 1 / outlook.spread**2
        slope = self.product / noise + outlook.slope / outlook.spread**2
        variance = noise * (1 + 1 / self.count) + at * at / precision
        return self.full_mean + np.maximum(0.0, slope / precision) * at, variance


@dataclass(frozen=True)
class Outcomes:
    """Losses of whole trainings, with the variance that the extrapolated ones have on top."""

    configs: tuple[Config, ...]
    losses: Array
    variances: Array

    def __add__(self, other: "Outcomes") -> "Outcomes":
        return Outcomes(
            self.configs + other.configs,
            np.concatenate([self.losses, other.losses]),
            np.concatenate([self.variances, other.variances]),
        )

    def trusted(self) -> "Outcomes":
        """Those of whole trainings alone, where there are ``FEWEST`` or more."""
        rows = np.flatnonzero(self.variances == 0)
        return self._take(rows) if len(rows) >= FEWEST else self

    def reduced(self, count: int) -> "Outcomes":
        """At most ``count`` of them: the best, and as many of the latest."""
        if len(self.losses) <= count:
            return self
        return self._take(best_and_latest(self.losses, count))

    def _take(self, rows: Indices) -> "Outcomes":
        configs = tuple(self.configs[row] for row in rows)
        return Outcomes(configs, self.losses[rows], self.variances[rows])


def best_and_latest(losses: Array, count: int) -> Indices:
    """The rows of ``count`` losses in their order: of the smallest, and of as many of the last."""
    best = np.argsort(losses, kind="stable")[: count // 2]
    latest = np.setdiff1d(np.arange(len(losses)), best)[len(best) - count :]
    return np.sort(np.concatenate([best, latest]))


def outcomes(study: Study, outlooks: Outlooks | None = None) -> Outcomes:
    """The loss of each trial that measured anything, of the configuration that it was asked to run.

    A boosting run of 800 rounds whose first 430 are the best owes its loss to having been asked for
    enough of them. A stopped trial is extrapolated: the full loss is regressed on the loss at the
    step of the stop, over the trials of the study that completed, from what ``outlooks`` say
    beforehand (Bayesian linear regression: C. M. Bishop, Pattern Recognition and Machine Learning,
    2006, section 3.3). Where none was measured at that step, the loss stands for itself, as
    uncertain as the losses differ.
    """
    trials = [trial for trial in study.trials if trial.measurements and trial.state.trained]
    completed = [trial for trial in trials if trial.state is TrialState.COMPLETED]
    early, full = _losses_by_step(completed, study.metric), _losses(completed, study.metric)
    losses, variances = _losses(trials, study.metric), np.zeros(len(trials))
    unknown = float(np.var(full if len(full) > 1 else losses)) if trials else 0.0
    stopped: dict[int, list[int]] = defaultdict(list)
    for row, trial in enumerate(trials):
        if trial.state is TrialState.STOPPED:
            stopped[trial.step].append(row)
    for step, rows in stopped.items():
        if step in early:
            ahead = _regression(early[step], full, (outlooks or {}).get(step, Outlook()))
            losses[rows], variances[rows] = ahead.extrapolate(losses[rows])
        else:
            variances[rows] = unknown
    return Outcomes(tuple(trial.config for trial in trials), losses, variances)


def shortened(study: Study) -> Outcomes:
    """What stopped trials measured of the shorter trainings that they recommend, exactly.

    A boosting run that was stopped after 90 of 300 rounds is a full training of 90 rounds.
    """
    trials = [
        trial
        for trial in study.trials
        if trial.state is TrialState.STOPPED
        and trial.recommended != trial.config
        and not study.space.problems(trial.recommended)
    ]
    configs = tuple(trial.recommended for trial in trials)
    return Outcomes(configs, _losses(trials, study.metric), np.zeros(len(trials)))


def learn_outlooks(studies: Iterable[Study]) -> dict[int, Outlook]:
    """What the curves of past studies say about early losses, each study counting the same."""
    slopes: dict[int, list[float]] = defaultdict(list)
    noises: dict[int, list[float]] = defaultdict(list)
    for study in studies:
        completed = [trial for trial in study.trials if trial.state is TrialState.COMPLETED]
        full = _losses(completed, study.metric)
        for step, losses in _losses_by_step(completed, study.metric).items():
            before, after = np.array(list(losses.values())), full[list(losses)]
            if len(before) >= FEWEST and before.std() > 0:
                slope = max(float(np.cov(before, after, bias=True)[0, 1] / before.var()), 0.0)
                slopes[step].append(slope)
                noises[step].append(float(np.var(after - slope * before) / before.var()))
    return {
        step: Outlook(
            float(np.median(values)),
            max(_scatter(values), LEAST) if len(values) > 1 else Outlook().spread,
            max(float(np.median(noises[step])), LEAST),
        )
        for step, values in slopes.items()
    }


def _scatter(values: Sequence[float]) -> float:
    """The standard deviation of a normal distribution with the same median absolute deviation."""
    return float(1.4826 * np.median(np.abs(np.array(values) - np.median(values))))


def _losses(trials: Sequence[Trial], metric: Metric) -> Array:
    return np.array([metric.loss(trial.measurements[-1].value) for trial in trials], np.float64)


def _losses_by_step(completed: Sequence[Trial], metric: Metric) -> dict[int, dict[int, float]]:
    """For each step, the losses there by the position of the trial among ``completed``."""
    losses: dict[int, dict[int, float]] = defaultdict(dict)
    for position, trial in enumerate(completed):
        for measurement in trial.measurements:
            losses[measurement.step][position] = metric.loss(measurement.value)
    return losses


def _regression(early: Mapping[int, float], full: Array, outlook: Outlook) -> Regression:
    before, after = np.array(list(early.values())), full[list(early)]
    x, y = before - before.mean(), after - after.mean()
    residuals = y - outlook.slope * x
    means = float(before.mean()), float(after.mean())
    sums = float(x @ x), float(x @ y), float(residuals @ residuals)
    return Regression(outlook, len(x), *means, *sums)
