"""Sifts an untrusted past: what a study may learn from, and what not and why."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import fmean

from meta.space import SearchSpace, Value
from meta.study import Measurement, Metric, Study, Trial, TrialState

ALIKE = 0.5
"""At least this share of the parameters must be those of the other model for it to teach."""
INFINITE = 1e150
"""From here on a value is an infinity in disguise (MLflow stores 1.797e308), its square is one."""
REASON_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Refusal:
    """A past study, or one of its trials, that is not learned from."""

    study_id: str
    trial_id: int | None
    reason: str


@dataclass(frozen=True)
class Sifted:
    """What is learned from, its configurations all inside the space, and what is refused."""

    kept: tuple[Study, ...]
    refused: tuple[Refusal, ...]


def sift(studies: Iterable[Study], model: str, space: SearchSpace, metric: Metric) -> Sifted:
    """Keep what can teach a study of ``model`` in ``space``; the order of the studies stays.

    Other models teach by the parameters that they share. Failures are kept, without values.
    Configurations are brought into the space, those that were tried several times on the same
    data are counted once, with the mean of their values. What values a metric can take is for each
    study to say: an RMSE of 57 is none of a probability, but may be one of a price.
    """
    refused: list[Refusal] = []
    fitting: list[Study] = []
    for study in studies:
        problem = _study_problem(study, model, space, metric)
        if problem:
            refused.append(_refusal(study, None, problem))
        else:
            trials = _fitting_trials(study, space, refused)
            fitting.append(replace(study, space=space, trials=trials))
    kept = []
    for study in _merge_repeats(fitting, refused):
        if study.best is None:
            refused.append(_refusal(study, None, "no trial left that completed"))
        else:
            kept.append(study)
    return Sifted(tuple(kept), tuple(refused))


def _study_problem(study: Study, model: str, space: SearchSpace, metric: Metric) -> str | None:
    shared = len(study.space.parameters.keys() & space.parameters.keys())
    if study.task.model != model and shared < ALIKE * len(space.parameters):
        return (
            f"of model {study.task.model}, which shares {shared} of {len(space.parameters)}"
            f" parameters with {model}"
        )
    if study.metric.name != metric.name:
        return f"no {metric.name}, the study measured {study.metric.name}"
    if study.metric.mode != metric.mode:
        verb = {"min": "minimises", "max": "maximises"}
        here = verb[metric.mode]
        return f"study {verb.get(study.metric.mode, study.metric.mode)}, this task {here}"
    return None


def _fitting_trials(study: Study, space: SearchSpace, refused: list[Refusal]) -> tuple[Trial, ...]:
    trials = []
    for trial in study.trials:
        try:
            trials.append(_fit(trial, space, study.metric))
        except ValueError as error:
            refused.append(_refusal(study, trial.id, str(error)))
    return tuple(trials)


def _fit(trial: Trial, space: SearchSpace, metric: Metric) -> Trial:
    """Bring a trial into the space; raises ``ValueError`` with the reason why that cannot be."""
    if trial.state.failed:
        return replace(trial, config=space.adopt(trial.config), measurements=())
    if not trial.state.trained:
        raise ValueError(trial.state.lower())
    if trial.value is None:
        raise ValueError(f"no {metric.name}")
    for measurement in trial.measurements:
        problem = _value_problem(measurement.value, metric)
        if problem:
            raise ValueError(f"step {measurement.step}: {problem}")
    config = space.adopt(trial.config)
    measurements = tuple(_fit_override(item, space) for item in trial.measurements)
    space.adopt(trial.recommended)
    return replace(trial, config=config, measurements=measurements)


def _value_problem(value: float, metric: Metric) -> str | None:
    if abs(value) >= INFINITE:
        return f"{metric.name} {value:g} stands for infinity"
    return metric.problem(value)


def _fit_override(measurement: Measurement, space: SearchSpace) -> Measurement:
    """Drop the configuration of a measurement along the way if it lies outside the space."""
    given = measurement.config
    if not given:
        return measurement
    try:
        override = {
            name: space.adopt_value(name, given[name]) for name in given if name in space.parameters
        }
    except ValueError:
        override = {}
    return replace(measurement, config=override)


def _merge_repeats(studies: list[Study], refused: list[Refusal]) -> list[Study]:
    """Leave each configuration once per objective, in the first study that tried it longest."""
    left: list[list[Trial]] = [[] for _ in studies]
    for repeats in _by_configuration(studies):
        index, trial = max(repeats, key=lambda repeat: _length(repeat[1]))
        equals = [other for _, other in repeats if _length(other) == _length(trial)]
        left[index].append(_mean(trial, equals))
        same = f"same configuration as trial {trial.id} of {studies[index].id}"
        for other, repeat in repeats:
            if repeat is not trial:
                longest = _length(repeat) == _length(trial)
                why = f"counted once (mean of {len(equals)})" if longest else "cut short"
                refused.append(_refusal(studies[other], repeat.id, f"{same}, {why}"))
    return [
        study.with_trials(tuple(sorted(trials, key=lambda trial: trial.id)))
        for study, trials in zip(studies, left, strict=True)
    ]


def _by_configuration(studies: list[Study]) -> Iterable[list[tuple[int, Trial]]]:
    """The trials, each with the index of its study, that tried the same on the same data."""
    tried: dict[tuple[str, str, tuple[Value, ...]], list[tuple[int, Trial]]] = defaultdict(list)
    for index, study in enumerate(studies):
        for trial in study.trials:
            config = tuple(trial.recommended.values())
            tried[study.task.id, study.fingerprint or study.id, config].append((index, trial))
    return tried.values()


def _length(trial: Trial) -> tuple[bool, int]:
    return trial.state is TrialState.COMPLETED, trial.step


def _mean(trial: Trial, repeats: list[Trial]) -> Trial:
    if len(repeats) == 1:
        return trial
    values: dict[int, list[float]] = defaultdict(list)
    for repeat in repeats:
        for measurement in repeat.measurements:
            values[measurement.step].append(measurement.value)
    measurements = (replace(item, value=fmean(values[item.step])) for item in trial.measurements)
    return replace(trial, measurements=tuple(measurements))


def _refusal(study: Study, trial_id: int | None, reason: str) -> Refusal:
    return Refusal(study.id, trial_id, reason[:REASON_LENGTH])
