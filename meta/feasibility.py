"""The chance that a configuration can be trained at all, from those that were and were not."""

import numpy as np

from meta.arrays import Array
from meta.kernel import Belief, Kernel, fit_kernel

SCALE = 0.15
"""How far a failure reaches, per square root of a dimension of the cube, before it is learned."""
BELIEF = 1.0
"""So many successes are believed in everywhere before any trial."""
FIT_POINTS = 100
"""So many of each, the latest, decide which dimensions matter."""


class Feasibility:
    """The share of successes nearby, by a kernel over the cube; without failures it is 1.

    E. A. Nadaraya, On Estimating Regression (1964), with a belief in success where nothing was
    tried. How near is near is learned for each dimension: want of memory hangs on a few of them.
    """

    def __init__(self, trained: Array, failed: Array) -> None:
        self._trained, self._failed = trained, failed
        self._kernel = Kernel(_scales(trained[-FIT_POINTS:], failed[-FIT_POINTS:]))

    def __call__(self, points: Array) -> Array:
        """The chance of success at each of ``points``."""
        if not len(self._failed):
            return np.ones(len(points))
        successes = BELIEF + self._kernel(points, self._trained).sum(1)
        return np.asarray(successes / (successes + self._kernel(points, self._failed).sum(1)))


def success_probability(points: Array, trained: Array, failed: Array) -> Array:
    """The chance of success at each of ``points``, asked once."""
    return Feasibility(trained, failed)(points)


def _scales(trained: Array, failed: Array) -> Array:
    columns = failed.shape[1]
    belief = Belief(scale=SCALE * np.sqrt(columns), scale_spread=2.0)
    if not len(trained) or not len(failed):
        return np.full(columns, belief.scale)
    labels = np.repeat([1.0, -1.0], [len(trained), len(failed)])
    values = (labels - labels.mean()) / labels.std()
    found = fit_kernel([(np.vstack([trained, failed]), values)], belief, iterations=15).scales
    return np.maximum(found, belief.scale)  # a sharp border would else hide what lies behind it
