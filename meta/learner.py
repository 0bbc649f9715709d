"""Proposes the configurations of a study, from past studies and from its own trials."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import qmc

from meta.arrays import Array, Mask
from meta.curves import Outcomes, outcomes
from meta.encoding import Encoding
from meta.feasibility import success_probability
from meta.hypotheses import cold, warm
from meta.prior import FAILED, Expectation, Prior
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
SAME = 1e-4
TRAINED = (TrialState.COMPLETED, TrialState.STOPPED)
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


class Learner:
    """What past studies teach a new one in ``encoding.space``; ``prior`` is None without any.

    ``candidates``, where given, are all that may be proposed.
    """

    def __init__(
        self, encoding: Encoding, prior: Prior | None = None, candidates: Sequence[Config] = ()
    ) -> None:
        self.encoding, self.prior = encoding, prior
        self._open = not candidates
        self._pool = encoding.units(candidates) if candidates else self._everywhere()

    def _everywhere(self) -> Array:
        shares = qmc.Sobol(len(self.encoding.space.parameters), seed=0).random(SPREAD)
        default = self.encoding.units([self.encoding.space.default()])
        tried = self.prior.units if self.prior else default[:0]
        return np.unique(np.vstack([default, self.encoding.spread(shares), tried]), axis=0)

    @cached_property
    def _pool_places(self) -> Places:
        return self.places(self._pool)

    def places(self, units: Array) -> Places:
        """Where ``units`` lie and what the past says of them."""
        points = self.encoding.points(units)
        if self.prior is None:
            return Places(points, Expectation(np.zeros(len(points)), np.zeros((len(points), 0))))
        return Places(points, self.prior.expect(points))

    def propose(self, study: Study, generator: np.random.Generator) -> Proposal:
        """The most promising configuration that the study has not tried and is not trying.

        Where every candidate has been tried, one of them is proposed again.
        """
        free = self.prior is None or _is_free(len(study.trials))
        told = outcomes(study, self.prior.outlooks if self.prior else None)
        if len(told.losses) == 0:
            units, places, score = self._pool, self._pool_places, self._blind_score()
            trust = float(self.prior is not None)
        else:
            units, places = self._candidates(told, generator)
            surrogate = self.surrogate(told, free)
            score = surrogate.improvement(places, self._pending(study))
            trust = surrogate.trust
        score = score * self._success(study, places.points)
        tried = self.encoding.points(self._units(study.trials))
        score[_repeats(places.points, tried)] = -1.0
        return Proposal(self.encoding.config(units[int(np.argmax(score))]), trust, free)

    def surrogate(self, told: Outcomes, free: bool = False) -> Surrogate:
        """The loss over the space, given the outcomes of the study's own trials."""
        told = told.reduced(MAX_OBSERVATIONS)
        places = self.places(self.encoding.units(told.configs))
        hypotheses = cold(places.points, told.losses)
        if self.prior is not None and not free:
            hypotheses += warm(self.prior.kernel)
        return Surrogate(hypotheses, Observations(places, told.losses, told.variances))

    def _blind_score(self) -> Array:
        """Before anything is measured: what the past expects most of, else the default."""
        if self.prior is None:
            default = self.encoding.points(self.encoding.units([self.encoding.space.default()]))
            distance = ((self._pool_places.points - default) ** 2).sum(1)
            return np.asarray(1 / (1 + distance))
        mean = self._pool_places.expectation.mean
        return np.asarray(mean.max() - mean)

    def _candidates(self, told: Outcomes, generator: np.random.Generator) -> tuple[Array, Places]:
        if not self._open:
            return self._pool, self._pool_places
        best = [told.configs[row] for row in np.argsort(told.losses, kind="stable")[:PARENTS]]
        near = self._neighbours(self.encoding.units(best), generator)
        return np.vstack([self._pool, near]), self._pool_places + self.places(near)

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

    def _pending(self, study: Study) -> Places:
        return self.places(
            self._units([trial for trial in study.trials if trial.state is TrialState.RUNNING])
        )

    def _success(self, study: Study, points: Array) -> Array:
        """The chance that training at each of ``points`` does not fail."""
        failed = self._units([trial for trial in study.trials if trial.state in FAILED])
        trained = self._units([trial for trial in study.trials if trial.state in TRAINED])
        if self.prior is not None:
            failed = np.vstack([failed, self.prior.failed])
            trained = np.vstack([trained, self.prior.units])
        points_of = self.encoding.points
        return success_probability(points, points_of(trained), points_of(failed))

    def _units(self, trials: Sequence[Trial]) -> Array:
        return self.encoding.units([trial.config for trial in trials])


def _is_free(trials: int) -> bool:
    return trials >= FREE_FROM and (trials - FREE_FROM) % FREE_EVERY == 0


def _repeats(points: Array, tried: Array) -> Mask:
    """Which of ``points`` are among ``tried``."""
    if not len(tried):
        return np.zeros(len(points), bool)
    nearest, _ = cKDTree(tried).query(points, distance_upper_bound=2 * SAME)
    return np.asarray(nearest <= SAME)
