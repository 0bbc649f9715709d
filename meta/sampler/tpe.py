"""The sampler whose surrogate is a pair of Parzen estimators."""

from collections.abc import Iterator

import numpy as np
import optuna
from numpy.random import Generator
from optuna.samplers import TPESampler

from meta.arrays import Array
from meta.curves import Outcomes, outcomes
from meta.encoding import Encoding
from meta.learner import Learner, Proposal
from meta.mixture import Mixture
from meta.prior import Prior, normal_scores
from meta.sampler.planned import PlannedSampler
from meta.sampler.records import distributions, write_study
from meta.space import Config
from meta.study import Study, TrialState

PAST, HALF = 100, 10
"""The past counts as ``PAST`` trials at first, as half of them after ``HALF`` of the study."""
ATTEMPTS = 8
DRAWN = 256


class MetaTPESampler(PlannedSampler):
    """Proposes by Optuna's tree-structured Parzen estimators, to which the past counts as trials.

    ``history`` and ``proposal`` are as in ``MetaGPSampler``. The densities of good and of bad
    configurations begin as mixtures of those of the sources, where a source has the larger share
    the better it agrees with the study's own trials; these take over. With the probability that
    the past is not to be trusted, it has no say, and the proposal is what TPE makes without one.
    """

    _mixture: Mixture | None = None
    proposal: Proposal | None = None

    def plan(
        self, own: Study, encoding: Encoding, prior: Prior | None, generator: Generator
    ) -> Config:
        """The best by the ratio of the densities; before any trial, what the past expects most."""
        if prior is not None and not own.trials:
            self.proposal = Learner(encoding, prior).propose(own, generator)
        else:
            told = outcomes(own, prior.outlooks if prior else None)
            past, trust = self._standing(prior, encoding, told, generator)
            config = _propose(own, told, past, encoding, generator)
            self.proposal = Proposal(config, trust, free=not len(past))
        return self.proposal.config

    def _standing(
        self, prior: Prior | None, encoding: Encoding, told: Outcomes, generator: Generator
    ) -> tuple[Array, float]:
        """Units that stand for the past, best first, and the trust in it; none if it has no say."""
        if prior is None:
            return encoding.units([]), 0.0
        if self._mixture is None or self._mixture.prior is not prior:
            self._mixture = Mixture(prior)
        points = encoding.points(encoding.units(told.configs))
        agreement = self._mixture.agreement(points, told.losses)
        if generator.random() >= agreement.trust:
            return encoding.units([]), agreement.trust
        count = round(PAST * HALF / (HALF + len(told.losses)))
        return self._mixture.draw(agreement.shares, count), agreement.trust


def _propose(
    own: Study, told: Outcomes, past: Array, encoding: Encoding, generator: Generator
) -> Config:
    """What TPE makes of the trials of the past and of the study's; not what the study has tried."""
    ranks = np.arange(len(past), dtype=np.float64)
    units = encoding.units(told.configs)
    running = [trial.config for trial in own.trials if trial.state is TrialState.RUNNING]
    study = write_study(
        encoding.space,
        [*_scored(encoding, past, ranks), *_scored(encoding, units, told.losses)],
        [encoding.config(row) for row in encoding.units(running)],
        TPESampler(seed=int(generator.integers(2**32))),
    )
    tried = [trial.config for trial in own.trials]
    for config in _proposals(study, encoding, generator):
        if config not in tried:
            break
    return config


def _scored(encoding: Encoding, units: Array, losses: Array) -> list[tuple[Config, float]]:
    scores = normal_scores(losses).tolist()
    return list(zip(map(encoding.config, units), scores, strict=True))


def _proposals(study: optuna.Study, encoding: Encoding, generator: Generator) -> Iterator[Config]:
    """What TPE asks for; then, in case it keeps to what was tried, draws from the whole space."""
    known = distributions(encoding.space)
    for _ in range(ATTEMPTS):
        asked = encoding.units([study.ask(known).params])
        yield encoding.config(encoding.settle(asked)[0])
    yield from map(encoding.config, encoding.spread(generator.random((DRAWN, len(known)))))
