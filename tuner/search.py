"""The bridge from Ray to Optuna: proposes configurations and tells Optuna how they really ended.

Ray's own ``OptunaSearch`` reports a trial that ASHA stopped, or that failed after a report, as
complete with its last value, and leaves one with a non-finite value running for ever. Here the
journal decides: stopped trials become PRUNED with their intermediate values, diverged and failed
ones FAIL, and only completed ones COMPLETE.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from itertools import count
from typing import Any

import numpy
import optuna
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import TrialState as OptunaState
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from meta.encoding import Encoding
from meta.prior import Prior
from meta.recommend import Recommendation
from meta.sampler import MetaGPSampler, MetaTPESampler
from meta.sampler.planned import PlannedSampler
from meta.sampler.records import distributions
from meta.study import Study, Trial, TrialState
from tuner.events import Started
from tuner.journal import Journal
from tuner.packing import Packing

STOCK: dict[str, Callable[[int], BaseSampler]] = {
    "tpe": lambda seed: TPESampler(seed=seed),
    "gp": lambda seed: GPSampler(seed=seed),
    "random": lambda seed: RandomSampler(seed=seed),
}
META: dict[str, type[PlannedSampler]] = {"meta-gp": MetaGPSampler, "meta-tpe": MetaTPESampler}

OPTUNA_STATES = {
    TrialState.COMPLETED: OptunaState.COMPLETE,
    TrialState.STOPPED: OptunaState.PRUNED,
    TrialState.DIVERGED: OptunaState.FAIL,
    TrialState.FAILED: OptunaState.FAIL,
}


def trial_seed(study_seed: int, trial: int) -> int:
    """The seed of one trial, and of the proposal that made it; independent over both arguments."""
    return int(numpy.random.SeedSequence([study_seed, trial]).generate_state(1)[0])


class StudySearch(OptunaSearch):
    """Hands out the trials of one study, of which ``concurrency`` may run at once.

    That is one less for each trial for which the memory of the machine was too small.

    First come the trials that an interruption left running, that ran out of GPU memory or lost
    their worker, then the recommended points, then what the sampler proposes; each waits until
    ``packing`` has room.
    Before every proposal the sampler is seeded by the study's seed and the trial's number: it
    depends on nothing but the journal and the prior, so a resumed study goes on exactly like an
    uninterrupted one.
    """

    def __init__(
        self,
        journal: Journal,
        points: list[Recommendation],
        sampler: str,
        trials: int,
        concurrency: int,
        packing: Packing,
        prior: Prior | None = None,
    ) -> None:
        self._journal = journal
        self._sampler_name = sampler
        self._seeded = self._samplers(prior)
        self._trials = trials
        self._concurrency = concurrency
        self._packing = packing
        self._study_seed = journal.study.seed
        self._distributions = distributions(journal.study.space)
        self._asked: dict[int, optuna.Trial] = {}
        self._running: dict[str, int] = {}
        self._waiting: deque[Trial] = deque()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        super().__init__(
            space=self._distributions,
            metric="value",
            mode=journal.study.metric.mode,
            sampler=RandomSampler(),
        )
        assert self._ot_study is not None
        self._study: optuna.Study = self._ot_study
        for trial in journal.study.trials:
            self._replay(trial)
        for point in points[len(self._asked) :]:
            self._study.enqueue_trial(point.config, user_attrs={"origin": point.reason})

    def suggest(self, trial_id: str) -> Any:
        """The next trial; None while as many run as may, FINISHED when all are handed out."""
        if len(self._running) >= max(1, self._concurrency - self._journal.starved):
            return None
        if not self._waiting:
            if len(self._asked) >= self._trials:
                return None if self._running else Searcher.FINISHED  # one may come back
            if not self._packing.has_room():
                return None
            self._waiting.append(self._propose())
        trial = self._waiting[0]
        place = self._packing.place(trial)
        if place is None:
            return None
        self._running[trial_id] = self._waiting.popleft().id
        return {"trial": trial.id, "seed": trial.seed, "params": trial.config, **asdict(place)}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Nothing: intermediate values are told when the trial ends."""

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tell Optuna the state that the journal has; what is to be run again waits for room."""
        trial = self._journal.trials[self._running.pop(trial_id)]
        self._packing.leave(trial.id)
        if trial.state is TrialState.RUNNING:
            self._waiting.append(trial)
        else:
            self._tell(trial)

    def save(self, checkpoint_path: str) -> None:
        """Nothing for Ray to restore: the journal is what a study goes on from."""

    def _propose(self) -> Trial:
        number = next(n for n in count() if n not in self._asked)  # repair leaves gaps
        seed = trial_seed(self._study_seed, number)
        self._study.sampler = sampler = self._seeded(seed)
        asked = self._study.ask(fixed_distributions=self._distributions)
        recommended = asked.user_attrs.get("origin")
        origin, trust = (recommended, None) if recommended else self._origin(sampler)
        self._journal.append(Started(number, asked.params, origin, seed, trust))
        self._asked[number] = asked
        return self._journal.trials[number]

    def _samplers(self, prior: Prior | None) -> Callable[[int], BaseSampler]:
        """From a seed to the sampler; those that learned from the past are made only once."""
        if self._sampler_name in STOCK:
            return STOCK[self._sampler_name]
        encoding = Encoding(self._journal.study.space)
        kind = META[self._sampler_name]
        return kind.fitted(encoding, prior, self._own).reseeded

    def _own(self) -> Study:
        return self._journal.study

    def _origin(self, sampler: BaseSampler) -> tuple[str, float | None]:
        """Who made the proposal, and how far it trusted the past."""
        proposal = getattr(sampler, "proposal", None)
        if proposal is None:
            return self._sampler_name, None
        trust = 0.0 if proposal.free else proposal.trust
        return f"{self._sampler_name}, {proposal.trusted}", trust

    def _replay(self, trial: Trial) -> None:
        self._study.enqueue_trial(trial.config)
        self._asked[trial.id] = self._study.ask(fixed_distributions=self._distributions)
        if trial.state is TrialState.RUNNING:
            self._waiting.append(trial)
        else:
            self._tell(trial)

    def _tell(self, trial: Trial) -> None:
        asked = self._asked[trial.id]
        for measurement in trial.measurements:
            asked.report(measurement.value, measurement.step)
        value = trial.value if trial.state is TrialState.COMPLETED else None
        self._study.tell(asked, value, state=OPTUNA_STATES[trial.state])
