"""How alike data sets are by their meta-features, known before the first trial."""

from collections.abc import Mapping, Sequence
from statistics import median_low

import numpy as np
from numpy.typing import NDArray

NEUTRAL = 0.5
"""The difference that counts for a feature that a study lacks: neither alike nor unlike."""

WIDTH = 0.25
"""The distance at which relatedness has fallen to 1/e."""

Features = Mapping[str, float]
Array = NDArray[np.float64]


def relatedness(features: Features, others: Sequence[Features]) -> Array:
    """How related each of ``others`` is to ``features``: in (0, 1], 1 if the features are equal.

    ``exp(-d / WIDTH)``, where ``d`` is the mean over ``features`` of ``1 - exp(-x)`` with ``x`` the
    absolute difference: one feature cannot outvote the rest. A difference of 1 is thus a large one,
    as in ``trainables.data.features``; where most of ``others`` differ by more, ``x`` is divided by
    the median difference. What a study lacks counts ``NEUTRAL``.

    A saturating L1 distance, after the one of M. Feurer, J. T. Springenberg and F. Hutter,
    Initializing Bayesian Hyperparameter Optimization via Meta-Learning (AAAI 2015).
    """
    distances = [_differences(value, _column(name, others)) for name, value in features.items()]
    if not distances:
        return np.full(len(others), np.exp(-NEUTRAL / WIDTH))
    mean: Array = np.mean(distances, axis=0)
    return np.exp(-mean / WIDTH)


def _column(name: str, others: Sequence[Features]) -> Array:
    return np.array([other.get(name, np.nan) for other in others], np.float64)


def _differences(value: float, others: Array) -> Array:
    """From one feature to that of each other study, within [0, 1]."""
    with np.errstate(invalid="ignore", over="ignore"):
        differences = np.abs(others - value)
    known = np.isfinite(differences)
    scale = max(1.0, median_low(differences[known])) if known.any() else 1.0
    return np.where(known, 1 - np.exp(-differences / scale), NEUTRAL)
