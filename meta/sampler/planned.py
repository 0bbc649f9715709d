"""What both samplers share: a trial is planned as a whole and handed out as it is asked for."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any, Self

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from meta.conditions import infer_conditions, kinds
from meta.encoding import Encoding
from meta.prior import Prior, fit_prior
from meta.sampler.records import parameter, read_study, settle
from meta.space import Config, Parameter, SearchSpace, Value
from meta.study import Study


class PlannedSampler(BaseSampler):
    """Optuna's protocol around ``plan``, which sees only records.

    The space is that of the past, of which the study's own trials know better.
    """

    def __init__(
        self, history: Sequence[optuna.Study | Study] = (), *, seed: int | None = None
    ) -> None:
        self._history = [
            study if isinstance(study, Study) else read_study(study) for study in history
        ]
        self._generator = np.random.default_rng(seed)
        self._random = RandomSampler(seed=seed)
        self._brought: tuple[SearchSpace, list[Study], list[Config]] | None = None
        self._learned: tuple[Encoding, Prior | None] | None = None
        self._planned: dict[int, Config] = {}
        self._lock = Lock()
        self._own: Callable[[], Study] | None = None

    @classmethod
    def fitted(cls, encoding: Encoding, prior: Prior | None, own: Callable[[], Study]) -> Self:
        """A sampler for whom the space and the prior are settled.

        ``own`` gives the study's record, which may hold more than Optuna is told.
        """
        sampler = cls()
        sampler._learned, sampler._own = (encoding, prior), own
        return sampler

    def reseeded(self, seed: int) -> Self:
        """The same sampler, which from now on draws as if it had been made with ``seed``."""
        self._generator = np.random.default_rng(seed)
        self._random = RandomSampler(seed=seed)
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Optuna's samplers can be pickled; a lock cannot."""
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take a lock of one's own."""
        self.__dict__.update(state)
        self._lock = Lock()

    @abstractmethod
    def plan(
        self, own: Study, encoding: Encoding, prior: Prior | None, generator: np.random.Generator
    ) -> Config:
        """The configuration to try next, given the study's ``own`` trials."""

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Every parameter that a trial of the study had, with its latest distribution."""
        known: dict[str, BaseDistribution] = {}
        for other in study.get_trials(deepcopy=False):
            known.update(other.distributions)
        return {name: item for name, item in known.items() if not item.single()}

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: Mapping[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Plan the trial; what the study does not know yet is handed out one by one."""
        self._require_one_objective(study)
        with self._lock:
            plan = self._plan(study, trial, search_space)
            self._planned[trial.number] = plan
        return {
            name: settle(item, plan[name]) for name, item in search_space.items() if name in plan
        }

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """The planned value if the distribution allows it, else one by chance."""
        self._require_one_objective(study)
        plan = self._planned.get(trial.number, {})
        if param_name in plan and _allows(param_distribution, plan[param_name]):
            return settle(param_distribution, plan[param_name])
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: OptunaState,
        values: Sequence[float] | None,
    ) -> None:
        """Forget the plan of a trial that has ended."""
        self._planned.pop(trial.number, None)

    def reseed_rng(self) -> None:
        """Make this copy independent of the one that it was copied from."""
        self._generator = np.random.default_rng()
        self._random.reseed_rng()

    def _plan(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: Mapping[str, BaseDistribution],
    ) -> Config:
        if self._own is not None and self._learned is not None:
            return self.plan(self._own(), *self._learned, self._generator)
        space = self._space(search_space)
        if not space.parameters:
            return {}
        record = read_study(study, self._planned)
        others = [item for item in record.trials if item.id != trial.number]
        own = _adopted(record.with_trials(others), space)
        encoding, prior = self._learn(space, _steps(search_space), own)
        return self.plan(own, encoding, prior, self._generator)

    def _space(self, own: Mapping[str, BaseDistribution]) -> SearchSpace:
        """All parameters that the past or the study knows; the study knows better."""
        known: dict[str, Parameter] = {}
        for past in self._history:
            known.update(past.space.parameters)
        known.update({name: parameter(item) for name, item in own.items()})
        return SearchSpace(known)

    def _learn(
        self, space: SearchSpace, steps: dict[str, float], own: Study
    ) -> tuple[Encoding, Prior | None]:
        """The encoding and the prior, anew only when a parameter or a condition has changed."""
        history, seen = self._history_in(space)
        conditions = infer_conditions([*seen, *_tried([own])], space)
        encoding = Encoding(space, conditions, steps)
        if self._learned is None or self._learned[0] != encoding:
            self._learned = encoding, fit_prior(history, encoding)
        return self._learned

    def _history_in(self, space: SearchSpace) -> tuple[list[Study], list[Config]]:
        """The past studies, brought into the space, and the kinds of configurations they tried."""
        if self._brought is None or self._brought[0] != space:
            history = [_adopted(study, space) for study in self._history]
            self._brought = space, history, kinds(_tried(history), space)
        return self._brought[1:]

    def _require_one_objective(self, study: optuna.Study) -> None:
        if len(study.directions) > 1:
            raise ValueError(f"{type(self).__name__} is for one objective, not for several")


def _allows(distribution: BaseDistribution, value: Value) -> bool:
    return not distribution.single() and parameter(distribution).problem(value) is None


def _steps(distributions: Mapping[str, BaseDistribution]) -> dict[str, float]:
    """Those that are not already in the parameters: a whole number's is 1."""
    steps = {name: getattr(item, "step", None) for name, item in distributions.items()}
    return {name: step for name, step in steps.items() if step and step != 1}


def _tried(studies: Iterable[Study]) -> Iterator[Config]:
    for study in studies:
        yield from (trial.config for trial in study.trials if trial.measurements)


def _adopted(study: Study, space: SearchSpace) -> Study:
    """The trials that fit into the space; what they lack is not made up."""
    trials = []
    for trial in study.trials:
        try:
            config = {
                name: space.adopt_value(name, trial.config[name])
                for name in space.parameters
                if name in trial.config
            }
        except ValueError:
            continue
        trials.append(replace(trial, config=config))
    return study.with_trials(tuple(trials))
