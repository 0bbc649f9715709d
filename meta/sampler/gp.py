"""The sampler whose surrogate is a Gaussian process."""

from collections.abc import Sequence

import numpy as np
import optuna

from meta.encoding import Encoding
from meta.learner import Learner, Proposal
from meta.prior import Prior
from meta.sampler.planned import PlannedSampler
from meta.space import Config
from meta.study import Study


class MetaGPSampler(PlannedSampler):
    """Proposes by a Gaussian process whose prior is learned from past studies.

    ``history`` holds Optuna studies or ``meta.study.Study`` records of tasks like the new one, with
    the same parameters and objective as far as possible; it may be empty. ``candidates``, where
    given, are all that may be proposed. A parameter of which neither the history nor the study
    knows anything yet is drawn at random. A study of several objectives raises ``ValueError``.
    ``proposal`` says of the latest one how far the past was trusted.
    """

    def __init__(
        self,
        history: Sequence[optuna.Study | Study] = (),
        *,
        seed: int | None = None,
        candidates: Sequence[Config] = (),
    ) -> None:
        super().__init__(history, seed=seed)
        self._candidates = candidates
        self._learner: Learner | None = None
        self.proposal: Proposal | None = None

    def plan(
        self, own: Study, encoding: Encoding, prior: Prior | None, generator: np.random.Generator
    ) -> Config:
        """The configuration with the largest expected improvement."""
        if self._learner is None or self._learner.encoding is not encoding:
            self._learner = Learner(encoding, prior, self._candidates)
        self.proposal = self._learner.propose(own, generator)
        return self.proposal.config
