"""Somebody's study becomes one of ours: names, units, steps and states, then the sieve."""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median_low

from meta.history import INFINITE, REASON_LENGTH, Refusal, sift
from meta.study import Measurement, Metric, Study, Task, Trial, TrialState
from tuner.config import StudyConfig
from tuner.importers.foreign import ForeignStudy, ForeignTrial, Reading
from tuner.importers.mapping import Correspondence

DATASET_LENGTH = 64


@dataclass(frozen=True)
class Adopted:
    """A study of ours made of somebody's, and what of it is refused.

    ``study`` is None if nothing is left of it, ``found`` if it was one of ours before.
    """

    name: str
    found: Correspondence | None
    study: Study | None
    refused: tuple[Refusal, ...]


def adopt(
    foreign: ForeignStudy, found: Correspondence, config: StudyConfig, dataset: str | None
) -> Adopted:
    """Bring a study into the space and the metric of a task; its failures are kept as such."""
    study = _frame(foreign, found, config, dataset or dataset_name(foreign.name))
    refused: list[Refusal] = []
    trials: list[Trial] = []
    steps = _Steps(foreign.trials, found.metric.theirs, config.budget.max_steps)
    for trial in foreign.trials:
        try:
            trials.append(_trial(trial, foreign, found, config, steps))
        except ValueError as error:
            refused.append(Refusal(foreign.name, trial.id, str(error)[:REASON_LENGTH]))
    learned = study.with_trials(tuple(trial for trial in trials if not trial.state.failed))
    sifted = sift([learned], config.task.model, config.space, config.metric)
    refused += [replace(refusal, study_id=foreign.name) for refusal in sifted.refused]
    if not sifted.kept:
        return Adopted(foreign.name, found, None, tuple(refused))
    (kept,) = sifted.kept
    failures = _failures(foreign, trials, config, refused)
    together = sorted([*kept.trials, *failures], key=lambda trial: trial.id)
    return Adopted(foreign.name, found, kept.with_trials(tuple(together)), tuple(refused))


def dataset_name(name: str) -> str:
    """A study's name as that of a data set."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:DATASET_LENGTH].strip("-._")
    return plain or "unnamed"


def _frame(
    foreign: ForeignStudy, found: Correspondence, config: StudyConfig, dataset: str
) -> Study:
    """The study without trials.

    Its id follows from where it lies and what it is for, so that a later import finds it again.
    """
    task, metric = Task(dataset, config.task.model), config.metric
    marks = [
        foreign.place,
        foreign.name,
        dataset,
        task.model,
        metric.name,
        *config.space.parameters,
    ]
    return Study(
        id="import-" + hashlib.sha256(json.dumps(marks).encode()).hexdigest()[:12],
        task=task,
        space=config.space,
        metric=Metric(metric.name, found.mode, metric.low, metric.high),
        seed=0,
        arm="imported",
        fingerprint=f"imported {dataset}",
    )


def _trial(
    trial: ForeignTrial,
    foreign: ForeignStudy,
    found: Correspondence,
    config: StudyConfig,
    steps: "_Steps",
) -> Trial:
    if trial.state is TrialState.RUNNING:
        raise ValueError("has not ended")
    readings = [
        item._replace(value=found.value(item.value) if math.isfinite(item.value) else item.value)
        for item in trial.metrics.get(found.metric.theirs, ())
    ]
    state, reason = trial.state, trial.reason
    infinite = [n for n, item in enumerate(readings) if not abs(item.value) < INFINITE]
    if infinite and not state.failed:
        state = TrialState.DIVERGED
        reason = f"{config.metric.name} is {readings[infinite[0]].value:g}"
    if state.failed:
        readings = [item for item in readings if not config.metric.problem(item.value)]
    return Trial(
        id=trial.id,
        config=found.config(trial.params, config.space),
        state=state,
        measurements=steps.measurements(readings, state, trial.seconds),
        reason=reason[:REASON_LENGTH],
        origin=foreign.origin,
        seconds=max(0.0, trial.seconds),
    )


def _failures(
    foreign: ForeignStudy, trials: Iterable[Trial], config: StudyConfig, refused: list[Refusal]
) -> list[Trial]:
    """The trials that failed, in the space of the task."""
    kept = []
    for trial in trials:
        if trial.state.failed:
            try:
                kept.append(replace(trial, config=config.space.adopt(trial.config)))
            except ValueError as error:
                why = f"{trial.state.lower()}, and {error}"[:REASON_LENGTH]
                refused.append(Refusal(foreign.name, trial.id, why))
    return kept


class _Steps:
    """Their steps as ours: the same share of a full training.

    A completed trial was trained in full; what a full training of another one would have been is
    taken from the completed ones, the median of their lengths.
    """

    def __init__(self, trials: Sequence[ForeignTrial], metric: str, most: int) -> None:
        curves = [(trial.state, trial.metrics.get(metric, ())) for trial in trials]
        first = min((item.step for _, curve in curves for item in curve), default=1)
        self._before = min(0, first - 1)
        self._most = most
        lengths = [
            self._counted(max(item.step for item in curve))
            for state, curve in curves
            if state is TrialState.COMPLETED and curve
        ]
        self._usual = median_low(lengths) if lengths else 1

    def measurements(
        self, readings: Sequence[Reading], state: TrialState, seconds: float
    ) -> tuple[Measurement, ...]:
        """The readings in order, of several that fall on one of our steps the last."""
        readings = sorted(readings, key=lambda item: item.step)
        if not readings:
            return ()
        is_whole = state is TrialState.COMPLETED
        last = self._counted(readings[-1].step)
        length = last if is_whole else max(self._usual, last)
        taken: dict[int, Measurement] = {}
        for place, item in enumerate(readings, 1):
            step = -(-self._counted(item.step) * self._most // length)
            if not is_whole:
                step = min(step, max(1, self._most - 1))
            spent = seconds * place / len(readings) if math.isnan(item.seconds) else item.seconds
            taken[step] = Measurement(step, item.value, max(0.0, spent))
        return tuple(taken.values())

    def _counted(self, step: int) -> int:
        """A step, counted from 1 if they count from 0 or less."""
        return step - self._before
