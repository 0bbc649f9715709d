"""The sampler whose surrogate is a pair of Parzen estimators."""

from collections.abc import Iterator

import numpy as np
import optuna
from optuna.samplers import TPESampler

from meta.arrays import Array
from meta.curves import outcomes
from meta.encoding import Encoding
from meta.learner import Learner, Proposal
from meta.mixture import Mixture
from meta.prior import Prior, normal_scores
from meta.sampler.planned import PlannedSampler
from meta.sampler.records import distribution, write_study
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
        self, own: Study, encoding: Encoding, prior: Prior | None, generator: np.random.Generator
    ) -> Config:
        """The best by the ratio of the densities; before any trial, what the past expects most."""
        if prior is not None and not own.trials:
            self.proposal = Learner(encoding, prior).propose(own, generator)
            return self.proposal.config
        told = outcomes(own, prior.outlooks if prior else None)
        units = encoding.units(told.configs)
        past, trust = units[:0], 0.0
        if prior is not None:
            past, trust = self._standing(prior, encoding.points(units), told.losses, generator)
        running = [trial.config for trial in own.trials if trial.state is TrialState.RUNNING]
        study = write_study(
            encoding.space,
            [
                *_scored(encoding, past, np.arange(len(past), dtype=np.float64)),
                *_scored(encoding, units, told.losses),
            ],
            [encoding.config(row) for row in encoding.units(running)],
            TPESampler(seed=int(generator.integers(2**32))),
        )
        tried = [trial.config for trial in own.trials]
        for config in _proposals(study, encoding, generator):
            if config not in tried:
                break
        self.proposal = Proposal(config, trust, free=not len(past))
        return config

    def _standing(
        self, prior: Prior, points: Array, losses: Array, generator: np.random.Generator
    ) -> tuple[Array, float]:
        """The units, best first, that stand for the past, and how far it is trusted."""
        if self._mixture is None or self._mixture.prior is not prior:
            self._mixture = Mixture(prior)
        agreement = self._mixture.agreement(points, losses)
        if generator.random() >= agreement.trust:
            return prior.units[:0], agreement.trust
        count = round(PAST * HALF / (HALF + len(losses)))
        return self._mixture.draw(agreement.shares, count), agreement.trust


def _scored(encoding: Encoding, units: Array, losses: Array) -> list[tuple[Config, float]]:
    scores = normal_scores(losses).tolist()
    return list(zip(map(encoding.config, units), scores, strict=True))


def _proposals(
    study: optuna.Study, encoding: Encoding, generator: np.random.Generator
) -> Iterator[Config]:
    """What TPE asks for; then, in case it keeps to what was tried, draws from the whole space."""
    parameters = encoding.space.parameters.items()
    distributions = {name: distribution(parameter) for name, parameter in parameters}
    for _ in range(ATTEMPTS):
        asked = encoding.units([study.ask(distributions).params])
        yield encoding.config(encoding.settle(asked)[0])
    yield from map(encoding.config, encoding.spread(generator.random((DRAWN, len(parameters)))))
