"""Optuna's studies, trials and distributions as the records that the meta-learner reads."""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, create_trial
from optuna.trial import TrialState as OptunaState

from meta.space import Categorical, Config, Float, Int, Parameter, SearchSpace, Value
from meta.study import Measurement, Metric, Study, Task, Trial, TrialState

STATES = {
    OptunaState.COMPLETE: TrialState.COMPLETED,
    OptunaState.PRUNED: TrialState.STOPPED,
    OptunaState.FAIL: TrialState.FAILED,
    OptunaState.RUNNING: TrialState.RUNNING,
}

QUIET = Lock()
"""Optuna's verbosity is one for all threads."""


def read_study(study: optuna.Study, plans: Mapping[int, Config] | None = None) -> Study:
    """The record of a study of one objective.

    A trial whose constraints are violated, or whose value is infinite, counts as failed; waiting
    trials are left out, and running ones of which nothing is known. ``plans`` has, by number, the
    configurations of running trials that are not yet suggested in full.
    """
    latest: dict[str, BaseDistribution] = {}
    trials = []
    for frozen in study.get_trials(deepcopy=False):
        latest.update(frozen.distributions)
        if frozen.state in STATES:
            trials.append(_trial(frozen, (plans or {}).get(frozen.number, {})))
    trials = [item for item in trials if item.config or item.state is not TrialState.RUNNING]
    varied = {name: parameter(item) for name, item in latest.items() if not item.single()}
    mode = "max" if study.direction is StudyDirection.MAXIMIZE else "min"
    return Study(
        id=study.study_name,
        task=Task(study.study_name, "model"),
        space=SearchSpace(varied),
        metric=Metric("value", mode),
        seed=0,
        arm="warm",
        trials=tuple(trials),
    )


def write_study(
    space: SearchSpace,
    finished: Iterable[tuple[Config, float]],
    running: Iterable[Config],
    sampler: BaseSampler,
) -> optuna.Study:
    """A study in memory, to be minimised: ``finished`` trials with their losses, ``running`` ones.

    A configuration may lack parameters.
    """
    known = distributions(space)

    def frozen(config: Config, state: OptunaState, loss: float | None = None) -> FrozenTrial:
        its_own = {name: known[name] for name in config}
        return create_trial(state=state, value=loss, params=config, distributions=its_own)

    with _quiet():
        study = optuna.create_study(sampler=sampler)
    study.add_trials(frozen(config, OptunaState.COMPLETE, loss) for config, loss in finished)
    study.add_trials(frozen(config, OptunaState.RUNNING) for config in running)
    return study


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from announcing a study that is none of the user's."""
    with QUIET:
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            yield
        finally:
            optuna.logging.set_verbosity(verbosity)


def _trial(frozen: FrozenTrial, plan: Config) -> Trial:
    state = STATES[frozen.state]
    values = {
        step: value for step, value in frozen.intermediate_values.items() if math.isfinite(value)
    }
    if state is TrialState.COMPLETED:
        assert frozen.value is not None
        if not math.isfinite(frozen.value) or any(
            excess > 0 for excess in frozen.constraints.values()
        ):
            state = TrialState.FAILED
        else:
            values[max(values, default=0) + 1] = frozen.value
    return Trial(
        id=frozen.number,
        config={**plan, **frozen.params} if state is TrialState.RUNNING else frozen.params,
        state=state,
        measurements=tuple(Measurement(step, values[step], 0.0) for step in sorted(values)),
    )


def parameter(distribution: BaseDistribution) -> Parameter:
    """The parameter that can take the same values, but for a step, which ``settle`` sees to."""
    match distribution:
        case CategoricalDistribution():
            choices: tuple[Any, ...] = distribution.choices
            return Categorical(choices)
        case FloatDistribution():
            return Float(distribution.low, distribution.high, distribution.log)
        case IntDistribution():
            return Int(distribution.low, distribution.high, distribution.log)
        case _:
            raise ValueError(f"unknown distribution {distribution}")


def distribution(parameter: Parameter) -> BaseDistribution:
    """The distribution that can take the same values: the inverse of ``parameter``."""
    match parameter:
        case Categorical(choices):
            return CategoricalDistribution(choices)
        case Int(low, high, log):
            return IntDistribution(low, high, log)
        case Float(low, high, log):
            return FloatDistribution(low, high, log)


def distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    """The search space in Optuna's terms."""
    return {name: distribution(item) for name, item in space.parameters.items()}


def settle(distribution: BaseDistribution, value: Value) -> Value:
    """The value nearest to ``value`` that the distribution's step allows."""
    if not isinstance(distribution, FloatDistribution | IntDistribution) or not distribution.step:
        return value
    assert isinstance(value, int | float)
    steps = round((value - distribution.low) / distribution.step)
    stepped = distribution.low + steps * distribution.step
    settled = min(max(stepped, distribution.low), distribution.high)
    return int(settled) if isinstance(distribution, IntDistribution) else float(settled)
