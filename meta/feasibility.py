"""The chance that a configuration can be trained at all, from those that were and were not."""

import numpy as np

from meta.arrays import Array
from meta.kernel import Kernel

SCALE = 0.15
"""How far a failure reaches, per square root of a dimension of the cube."""
BELIEF = 1.0
"""So many successes are believed in everywhere before any trial."""


def success_probability(points: Array, trained: Array, failed: Array) -> Array:
    """For each of ``points`` the share of successes nearby, by a kernel over the cube.

    E. A. Nadaraya, On Estimating Regression (1964), with a belief in success where nothing was
    tried: without failures it is 1 everywhere.
    """
    if not len(failed):
        return np.ones(len(points))
    columns = points.shape[1]
    kernel = Kernel(np.full(columns, SCALE * np.sqrt(columns)))
    successes = BELIEF + kernel(points, trained).sum(1)
    return np.asarray(successes / (successes + kernel(points, failed).sum(1)))
