"""The covariance of all Gaussian processes here: Matérn 5/2 with a length scale per dimension."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve
from scipy.optimize import minimize

from meta.arrays import Array

SQRT5 = np.sqrt(5.0)
JITTER = 1e-4
LOG_SCALE_BOUNDS = (np.log(0.03), np.log(30.0))
LOG_AMPLITUDE_BOUNDS = (-3.0, 3.0)
LOG_NOISE_BOUNDS = (np.log(1e-4), 0.0)


@dataclass(frozen=True)
class Kernel:
    """``amplitude`` is the variance of the function, ``noise`` that of an observation of it."""

    scales: Array
    amplitude: float = 1.0
    noise: float = 1e-2

    def __call__(self, left: Array, right: Array) -> Array:
        """The covariance between every row of ``left`` and every row of ``right``."""
        return np.asarray(
            self.amplitude * _matern(_squared_distances(left / self.scales, right / self.scales))
        )


def _squared_distances(left: Array, right: Array) -> Array:
    squares = (left * left).sum(1)[:, None] + (right * right).sum(1) - 2 * (left @ right.T)
    return np.asarray(np.maximum(squares, 0))


def _matern(squared: Array) -> Array:
    """C. E. Rasmussen and C. K. I. Williams, Gaussian Processes (2006), equation 4.17."""
    root = SQRT5 * np.sqrt(squared)
    return np.asarray((1 + root + root * root / 3) * np.exp(-root))


@dataclass(frozen=True)
class Belief:
    """What is believed of a kernel before any data: log-normal, as median and spread of the log."""

    scale: float = 0.5
    scale_spread: float = 1.0
    amplitude_spread: float = 1.0
    noise: float = 0.05
    noise_spread: float = 1.5


def fit_kernel(
    groups: Sequence[tuple[Array, Array]], belief: Belief, iterations: int = 40
) -> Kernel:
    """The kernel that the data make most probable; the groups share it and nothing else.

    Each group is ``(points, values)``, its values standardised. What is maximised by L-BFGS is the
    sum of the log marginal likelihoods (equation 5.8 of Rasmussen and Williams) and ``belief``.
    """
    columns = groups[0][0].shape[1]
    squares = [(points[:, None, :] - points[None]) ** 2 for points, _ in groups]
    middle = np.log([*[belief.scale] * columns, 1.0, belief.noise])
    spread = np.array(
        [*[belief.scale_spread] * columns, belief.amplitude_spread, belief.noise_spread]
    )

    def loss(parameters: Array) -> tuple[float, Array]:
        away = (parameters - middle) / spread
        total, gradient = 0.5 * float(away @ away), away / spread
        for square, (_, values) in zip(squares, groups, strict=True):
            value, slope = _misfit(parameters, square, values)
            total += value
            gradient = gradient + slope
        return total, gradient

    bounds = [LOG_SCALE_BOUNDS] * columns + [LOG_AMPLITUDE_BOUNDS, LOG_NOISE_BOUNDS]
    options = {"maxiter": iterations}
    found = minimize(loss, middle, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    logs = np.exp(found.x)
    return Kernel(logs[:columns], float(logs[columns]), float(logs[columns + 1]) + JITTER)


def _misfit(parameters: Array, squares: Array, values: Array) -> tuple[float, Array]:
    """The negative log marginal likelihood of one group and its gradient over the logarithms."""
    inverse_squares = np.exp(-2 * parameters[:-2])
    amplitude, noise = np.exp(parameters[-2:])
    root = SQRT5 * np.sqrt(squares @ inverse_squares)
    decay = np.exp(-root)
    covariance = amplitude * (1 + root + root * root / 3) * decay
    noisy = covariance + (noise + JITTER) * np.eye(len(values))
    factor = np.linalg.cholesky(noisy)
    inverse = cho_solve((factor, True), np.eye(len(values)), check_finite=False)
    weights = inverse @ values
    value = 0.5 * float(values @ weights) + float(np.log(np.diag(factor)).sum())
    slope = 0.5 * (np.outer(weights, weights) - inverse)
    by_square = slope * (amplitude * (5 / 3) * (1 + root) * decay)
    by_scale = np.tensordot(by_square, squares, 2) * inverse_squares
    by_amplitude, by_noise = (slope * covariance).sum(), np.trace(slope) * noise
    return value, -np.array([*by_scale, by_amplitude, by_noise])
