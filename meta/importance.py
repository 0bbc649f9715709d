"""How much each parameter matters: the share of the loss's variance that it explains.

Functional analysis of variance over the whole space, on what a surrogate predicts, as F. Hutter,
H. Hoos and K. Leyton-Brown, An Efficient Approach for Assessing Hyperparameter Importance (ICML
2014), do it with a forest: here Sobol's indices of the Gaussian process that the study itself is
steered by, and of what it was told by its past.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import sobol_indices, uniform

from meta.arrays import Array
from meta.curves import outcomes
from meta.encoding import Encoding
from meta.learner import Learner
from meta.prior import Prior
from meta.study import Study

EVALUATIONS = 16384
"""About so many predictions are spent, in base samples of at most ``MOST``, a power of two."""
MOST = 1024
FEWEST_TRIALS = 4
"""So many measured trials per parameter are needed before a study speaks for itself."""


@dataclass(frozen=True)
class Importance:
    """Shares of the variance: that a parameter explains alone, and with its interactions."""

    alone: float
    total: float


def study_importance(study: Study) -> dict[str, Importance] | None:
    """From the study's own trials; None while they are too few to tell."""
    told = outcomes(study)
    if len(told.losses) < FEWEST_TRIALS * len(study.space.parameters):
        return None
    learner = Learner(Encoding(study.space))
    surrogate = learner.surrogate(told)
    return _importance(learner.encoding, lambda units: surrogate.predict(learner.places(units))[0])


def past_importance(prior: Prior, encoding: Encoding) -> dict[str, Importance] | None:
    """From what past studies let expect of a new one."""
    return _importance(encoding, lambda units: prior.expect(encoding.points(units)).mean)


def _importance(
    encoding: Encoding, predict: Callable[[Array], Array]
) -> dict[str, Importance] | None:
    """None if the prediction is the same everywhere."""
    names = list(encoding.space.parameters)
    base = min(MOST, 2 ** int(np.log2(EVALUATIONS / (len(names) + 2))))

    def loss(shares: Array) -> Array:
        return predict(encoding.spread(shares.T))

    probe = loss(np.random.default_rng(0).random((len(names), 64)))
    if np.ptp(probe) <= 1e-9 * max(float(np.abs(probe).max()), 1e-300):
        return None
    if len(names) == 1:  # which scipy takes for no list
        return {names[0]: Importance(1.0, 1.0)}
    found = sobol_indices(func=loss, n=base, dists=[uniform()] * len(names), rng=0)
    shares = zip(found.first_order, found.total_order, strict=True)
    alone, total = np.clip(np.array(list(shares)), 0, 1).T
    return {
        name: Importance(float(a), float(max(a, t)))
        for name, a, t in zip(names, alone, total, strict=True)
    }
