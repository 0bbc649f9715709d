"""The hypotheses about a new task: from those that lean on the past to those that do without."""

from functools import lru_cache
from itertools import product

import numpy as np

from meta.arrays import Array
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


def warm(kernel: Kernel) -> list[Hypothesis]:
    """Hypotheses that trust the past, whose ``kernel`` the residual shares."""
    grid = list(product(DEVIATIONS, RESIDUALS, NOISES))
    return [
        Hypothesis(1.0, deviation, Kernel(kernel.scales, residual), noise, (1 - COLD) / len(grid))
        for deviation, residual, noise in grid
    ]


def cold(points: Array, losses: Array) -> list[Hypothesis]:
    """Hypotheses without the past, by kernels of one scale and by one fitted to the trials."""
    columns = points.shape[1]
    unit = np.sqrt(columns / 6)  # so that the typical distance is the same in every dimension
    kernels = [Kernel(np.full(columns, scale * unit)) for scale in (0.5, 1.0)]
    count = len(losses) - len(losses) % OWN_EVERY if len(losses) >= 10 else len(losses)
    if count >= OWN_FROM:
        belief = Belief(0.5 * unit, 0.75, noise=0.01)
        kernels[1] = _own(points[:count], losses[:count], belief)
    grid = list(product(kernels, NOISES))
    return [Hypothesis(0.0, 0.0, kernel, noise, COLD / len(grid)) for kernel, noise in grid]


def _own(points: Array, losses: Array, belief: Belief) -> Kernel:
    values = (losses - losses.mean()) / deviation(losses)
    return _fitted(points.tobytes(), values.tobytes(), points.shape[1], belief)


@lru_cache(maxsize=8)
def _fitted(points: bytes, values: bytes, columns: int, belief: Belief) -> Kernel:
    """Kept, because the same trials are asked about ``OWN_EVERY`` times in a row."""
    group = np.frombuffer(points).reshape(-1, columns), np.frombuffer(values)
    return Kernel(fit_kernel([group], belief, iterations=25).scales)
