"""Proposes the configurations of a study, from past studies and from its own trials."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import qmc

from meta.arrays import Array, Mask
from meta.curves import Outcomes, outcomes, shortened
from meta.encoding import Encoding
from meta.feasibility import Feasibility, success_probability
from meta.hypotheses import cold, own_kernel, warm
from meta.prior import Expectation, Prior
from meta.space import Config
from meta.study import Study, Trial, TrialState
from meta.surrogate import Observations, Places, Surrogate

SPREAD = 512
"""Candidates all over the space, a power of two."""
NEIGHBOURS = 256
PARENTS = 5
"""So many of the best trials are varied."""
STEPS = (0.03, 0.1, 0.25)
CHANGED = 0.3
"""The chance of a parameter to differ from the parent's."""
MAX_OBSERVATIONS = 300
LEFT_OVER = 4096
"""So many are drawn by chance in search of what was not tried yet."""
OUTLYING = 10.0
"""No loss counts as farther above the median than so many times the best is below it."""
LIKELY = 0.5
"""Where a success is less likely than this, nothing is proposed while there is another place."""
SAME = 1e-4
INITIAL = 8
"""So many trials are drawn by chance where there is no past: what a surrogate needs to begin."""
FREE_FROM, FREE_EVERY = 5, 4
"""From this trial on, one of so many is proposed without the past: it unmasks one that misleads."""


@dataclass(frozen=True)
class Proposal:
    """A configuration to try; ``trust`` is the probability that the past helps, if there is one.

    ``free`` says that the past had no say.
    """

    config: Config
    trust: float
    free: bool

    @property
    def trusted(self) -> str:
        """How far the past had a say, in words."""
        return "without the past" if self.free else f"past {self.trust:.0%}"


@dataclass(frozen=True)
class Candidates:
    """What may be proposed, and how likely the past says that each succeeds."""

    units: Array
    places: Places
    success: Array

    def __add__(self, other: "Candidates") -> "Candidates":
        units = np.vstack([self.units, other.units])
        success = np.concatenate([self.success, other.success])
        return Candidates(units, self.places + other.places, success)


class Learner:
    """What past studies teach a new one in ``encoding.space``; ``prior`` is None without any.

    ``candidates``, where given, are all that may be proposed.
    """

    def __init__(
        self, encoding: Encoding, prior: Prior | None = None, candidates: Sequence[Config] = ()
    ) -> None:
        self.encoding, self.prior = encoding, prior
        self._allowed = candidates

    @cached_property
    def _pool(self) -> Candidates:
        """The candidates at any time: computed once, because they cost most."""
        if self._allowed:
            return self._at(self.encoding.units(self._allowed))
        shares = qmc.Sobol(len(self.encoding.space.parameters), seed=0).random(SPREAD)
        units = [self.encoding.units([self.encoding.space.default()]), self.encoding.spread(shares)]
        if self.prior is not None:
            units.append(self._completed(self.prior.units))
        return self._at(np.unique(np.vstack(units), axis=0))

    def _completed(self, units: Array) -> Array:
        """Draw by chance what a past study did not have, for it did not know the parameter."""
        drawn = self.encoding.spread(np.random.default_rng(0).random(units.shape))
        return self.encoding.settle(np.where(np.isnan(units), drawn, units))

    @cached_property
    def _past(self) -> Feasibility:
        nothing = self.encoding.points(self.encoding.units([]))
        if self.prior is None:
            return Feasibility(nothing, nothing)
        return Feasibility(self.prior.points, self.encoding.points(self.prior.failed))

    def _at(self, units: Array) -> Candidates:
        places = self.places(units)
        return Candidates(units, places, self._past(places.points))

    def places(self, units: Array) -> Places:
        """Where ``units`` lie and what the past says of them."""
        points = self.encoding.points(units)
        if self.prior is None:
            return Places(points, Expectation(np.zeros(len(points)), np.zeros((len(points), 0))))
        return Places(points, self.prior.expect(points))

    def propose(self, study: Study, generator: np.random.Generator) -> Proposal:
        """The most promising configuration that the study has not tried and is not trying.

        Where every configuration has been tried, one of them is proposed again.
        """
        free = self.prior is None or _is_free(len(study.trials))
        told = outcomes(study, self.prior.outlooks if self.prior else None) + shortened(study)
        tried = self.encoding.points(self._units(study.trials))
        candidates, score, trust = self._scored(study, tried, told, free, generator)
        success = candidates.success * _success(study, tried, candidates.places.points)
        score = np.where(success < LIKELY, success - 1, score * success)
        score[_repeats(candidates.places.points, tried)] = -np.inf
        return Proposal(self._choose(candidates, score, tried, generator), trust, free)

    def _scored(
        self,
        study: Study,
        tried: Array,
        told: Outcomes,
        free: bool,
        generator: np.random.Generator,
    ) -> tuple[Candidates, Array, float]:
        """Candidates, how promising each is, and how far the past is trusted."""
        if len(told.losses) == 0:
            score = self._blind_score(tried, generator)
            return self._pool, score, float(self.prior is not None)
        if self.prior is None and len(study.trials) < INITIAL:
            return self._pool, generator.random(len(self._pool.units)), 0.0
        candidates = self._candidates(told, generator)
        surrogate = self.surrogate(told, free)
        pending = self.places(self._units(t for t in study.trials if t.state is TrialState.RUNNING))
        return candidates, surrogate.improvement(candidates.places, pending), surrogate.trust

    def _choose(
        self, candidates: Candidates, score: Array, tried: Array, generator: np.random.Generator
    ) -> Config:
        row = int(np.argmax(score))
        if self._allowed:
            return dict(self._allowed[row])
        if score[row] > -np.inf:
            return self.encoding.config(candidates.units[row])
        drawn = self.encoding.spread(generator.random((LEFT_OVER, candidates.units.shape[1])))
        repeats = _repeats(self.encoding.points(drawn), tried)
        return self.encoding.config(drawn[int(np.argmin(repeats))])

    def surrogate(self, told: Outcomes, free: bool = False) -> Surrogate:
        """The loss over the space, given the outcomes of the study's own trials."""
        told = told.reduced(MAX_OBSERVATIONS)
        losses = _without_outliers(told.losses)
        places = self.places(self.encoding.units(told.configs))
        own = own_kernel(places.points, losses)
        hypotheses = cold(places.points.shape[1], own)
        if self.prior is not None and not free:
            hypotheses += warm(self.prior.kernel, own)
        return Surrogate(hypotheses, Observations(places, losses, told.variances))

    def _blind_score(self, tried: Array, generator: np.random.Generator) -> Array:
        """Before anything is measured: what complements best, by the past, what is being tried."""
        places = self._pool.places
        if self.prior is None:
            if len(tried):
                return generator.random(len(places))
            default = self.encoding.points(self.encoding.units([self.encoding.space.default()]))
            return np.asarray(1 / (1 + ((places.points - default) ** 2).sum(1)))
        if not len(tried):
            return np.asarray(places.expectation.mean.max() - places.expectation.mean)
        reached = np.minimum(self._pool_scores, self.prior.scores(tried).min(0))
        mean = reached @ self.prior.importance
        return np.asarray(mean.max() - mean)

    @cached_property
    def _pool_scores(self) -> Array:
        assert self.prior is not None
        return self.prior.scores(self._pool.places.points)

    def _candidates(self, told: Outcomes, generator: np.random.Generator) -> Candidates:
        if self._allowed:
            return self._pool
        best = [told.configs[row] for row in np.argsort(told.losses, kind="stable")[:PARENTS]]
        return self._pool + self._at(self._neighbours(self.encoding.units(best), generator))

    def _neighbours(self, parents: Array, generator: np.random.Generator) -> Array:
        """Variations of ``parents`` in some of their parameters, by steps of several lengths."""
        chosen = parents[generator.integers(len(parents), size=NEIGHBOURS)]
        drawn = self.encoding.spread(generator.random(chosen.shape))
        steps = generator.choice(STEPS, size=(NEIGHBOURS, 1))
        moved = np.clip(chosen + steps * generator.standard_normal(chosen.shape), 0, 1)
        moved = np.where(self.encoding.categories | np.isnan(chosen), drawn, moved)
        changed = generator.random(chosen.shape) < CHANGED
        one = generator.integers(chosen.shape[1], size=NEIGHBOURS)
        changed[np.arange(NEIGHBOURS), one] = True
        return self.encoding.settle(np.where(changed | np.isnan(chosen), moved, chosen))

    def _units(self, trials: Iterable[Trial]) -> Array:
        return self.encoding.units([trial.config for trial in trials])


def _without_outliers(losses: Array) -> Array:
    """One training that exploded must not hide how the others differ."""
    middle = float(np.median(losses))
    reach = OUTLYING * (middle - float(losses.min()))
    return np.minimum(losses, middle + reach) if reach > 0 else losses


def _success(study: Study, tried: Array, points: Array) -> Array:
    """The chance that training at each of ``points`` does not fail, by the study's trials."""
    trained = [row for row, trial in enumerate(study.trials) if trial.state.trained]
    failed = [row for row, trial in enumerate(study.trials) if trial.state.failed]
    return success_probability(points, tried[trained], tried[failed])


def _is_free(trials: int) -> bool:
    return trials >= FREE_FROM and (trials - FREE_FROM) % FREE_EVERY == 0


def _repeats(points: Array, tried: Array) -> Mask:
    """Which of ``points`` are among ``tried``."""
    if not len(tried):
        return np.zeros(len(points), bool)
    nearest, _ = cKDTree(tried).query(points, distance_upper_bound=2 * SAME)
    return np.asarray(nearest <= SAME)
