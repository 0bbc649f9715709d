"""What a trial that was stopped early would have reached, judged by those that went on."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from meta.arrays import Array
from meta.space import Config
from meta.study import Metric, Study, Trial, TrialState

FEW = 4
"""So many full trainings count for the prior belief that what is ahead early stays ahead."""
EQUAL = 1e-12
"""Losses count as equal whose variance is smaller than this share of their mean square."""


@dataclass(frozen=True)
class Outcomes:
    """Losses of whole trainings, with the variance that the extrapolated ones have on top."""

    configs: tuple[Config, ...]
    losses: Array
    variances: Array

    def reduced(self, count: int) -> "Outcomes":
        """At most ``count`` of them: the best, and as many of the latest."""
        if len(self.losses) <= count:
            return self
        best = np.argsort(self.losses, kind="stable")[: count // 2]
        latest = np.setdiff1d(np.arange(len(self.losses)), best)[len(best) - count :]
        rows = np.sort(np.concatenate([best, latest]))
        configs = tuple(self.configs[row] for row in rows)
        return Outcomes(configs, self.losses[rows], self.variances[rows])


def outcomes(study: Study) -> Outcomes:
    """The loss of each trial that measured anything; stopped ones are extrapolated.

    The full loss is regressed on the loss at the step of the stop, over the trials of the study
    that completed; where these are few, the slope is drawn to 1 and the shift to their mean. Where
    none was measured at that step, the loss stands for itself, as uncertain as the losses differ.
    """
    trials = [trial for trial in study.trials if trial.value is not None and _counts(trial)]
    completed = [trial for trial in trials if trial.state is TrialState.COMPLETED]
    at_step = _losses_by_step(completed, study.metric)
    full = np.array([_loss(trial, study.metric) for trial in completed])
    known = full if len(full) > 1 else [_loss(trial, study.metric) for trial in trials]
    spread = float(np.var(known)) if trials else 0.0
    losses, variances = [], []
    for trial in trials:
        loss, variance = _loss(trial, study.metric), 0.0
        if trial.state is not TrialState.COMPLETED:
            early = at_step.get(trial.step)
            loss, variance = _extrapolate(loss, early, full) if early else (loss, spread)
        losses.append(loss)
        variances.append(variance)
    configs = tuple(trial.recommended for trial in trials)
    return Outcomes(configs, np.array(losses), np.array(variances))


def _counts(trial: Trial) -> bool:
    return trial.state in (TrialState.COMPLETED, TrialState.STOPPED)


def _loss(trial: Trial, metric: Metric) -> float:
    return metric.loss(trial.measurements[-1].value)


def _losses_by_step(completed: Sequence[Trial], metric: Metric) -> dict[int, dict[int, float]]:
    """For each step, the losses there by the position of the trial among ``completed``."""
    losses: dict[int, dict[int, float]] = defaultdict(dict)
    for position, trial in enumerate(completed):
        for measurement in trial.measurements:
            losses[measurement.step][position] = metric.loss(measurement.value)
    return losses


def _extrapolate(loss: float, early: dict[int, float], full: Array) -> tuple[float, float]:
    """The expected full loss and its variance."""
    before, after = np.array(list(early.values())), full[list(early)]
    spread = np.var(before)
    rounding = EQUAL * float(np.mean(before**2)) or 1.0
    belief = FEW * max(float(spread), rounding)
    covariance = float(np.mean((before - before.mean()) * (after - after.mean())))
    slope = max(0.0, (len(before) * covariance + belief) / (len(before) * spread + belief))
    residuals = after - after.mean() - slope * (before - before.mean())
    unexplained = 0.25 * np.var([*before, loss])
    variance = (residuals @ residuals + FEW * unexplained) / (len(before) + FEW)
    return float(after.mean() + slope * (loss - before.mean())), float(variance)
