"""The hypotheses about a new task: from those that lean on the past to those that do without."""

from functools import lru_cache
from itertools import product

import numpy as np

from meta.arrays import Array
from meta.curves import best_and_latest
from meta.kernel import Belief, Kernel, fit_kernel
from meta.surrogate import Hypothesis, deviation

COLD = 0.2
"""The probability, before the first trial, that the past says nothing about the task."""
DEVIATIONS = (0.1, 0.3)
RESIDUALS = (0.1, 0.3, 1.0)
"""The variance of what no past task explains; that of one task's scores is about 1."""
NOISES = (1e-3, 1e-2, 1e-1)
OWN_FROM = 4
"""So many trials are needed before a kernel is fitted to the task itself."""
OWN_EVERY = 3
OWN_MOST = 100
"""It is fitted to no more than these, the best and the latest: the cost grows with their cube."""


def warm(past: Kernel, own: Kernel | None) -> list[Hypothesis]:
    """Hypotheses that trust the past; the residual has the scales of the past or the task's own."""
    kernels = [past] if own is None else [past, own]
    grid = list(product(DEVIATIONS, kernels, RESIDUALS, NOISES))
    return [
        Hypothesis(1.0, deviation, Kernel(kernel.scales, residual), noise, (1 - COLD) / len(grid))
        for deviation, kernel, residual, noise in grid
    ]


def cold(columns: int, own: Kernel | None) -> list[Hypothesis]:
    """Hypotheses without the past, by kernels of one scale and by the one of the task's own."""
    kernels = [_isotropic(columns, 0.5), own or _isotropic(columns, 1.0)]
    grid = list(product(kernels, NOISES))
    return [Hypothesis(0.0, 0.0, kernel, noise, COLD / len(grid)) for kernel, noise in grid]


def own_kernel(points: Array, losses: Array) -> Kernel | None:
    """The kernel that is fitted to the trials alone; None while these are too few."""
    count = len(losses) - len(losses) % OWN_EVERY if len(losses) >= 10 else len(losses)
    if count < OWN_FROM:
        return None
    rows = best_and_latest(losses[:count], OWN_MOST)
    columns = points.shape[1]
    belief = Belief(float(_isotropic(columns, 0.5).scales[0]), 0.75, noise=0.01)
    values = (losses[rows] - losses[rows].mean()) / deviation(losses[rows])
    return _fitted(points[rows].tobytes(), values.tobytes(), columns, belief)


def _isotropic(columns: int, scale: float) -> Kernel:
    """A kernel of one scale, so that the typical distance is the same in every dimension."""
    return Kernel(np.full(columns, scale * np.sqrt(columns / 6)))


@lru_cache(maxsize=8)
def _fitted(points: bytes, values: bytes, columns: int, belief: Belief) -> Kernel:
    """Kept, because the same trials are asked about ``OWN_EVERY`` times in a row."""
    group = np.frombuffer(points).reshape(-1, columns), np.frombuffer(values)
    return Kernel(fit_kernel([group], belief, iterations=25).scales)
