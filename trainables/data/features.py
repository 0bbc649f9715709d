"""Meta-features of a table: numbers that tell which data sets are alike, a difference of 1 much.

Sizes are logarithms to base 10, shares and skills lie within [0, 1]. The choice follows the simple,
statistical and landmarking groups in J. Vanschoren, Meta-Learning: A Survey (2018), table 1, as M.
Feurer, J. T. Springenberg and F. Hutter use them to start a search: Initializing Bayesian
Hyperparameter Optimization via Meta-Learning (AAAI 2015).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data.table import Float32

LANDMARK_ROWS = 2_000
"""The landmarks are measured on at most so many rows, half of them fitted at a time."""

Flags = NDArray[np.bool_]
Array = NDArray[np.float64]


def describe(x: Float32, y: Float32, categorical: Flags, kind: str) -> dict[str, float]:
    """The meta-features of the rows given, finite whatever they hold; ``kind`` as in ``Source``.

    ``classes`` is 0 for a regression, ``class_entropy`` 1 for classes of equal size, a kurtosis 0
    for a normal target. ``mean_correlation`` is the mean absolute one between numeric columns. The
    last four are landmarks (``landmarks``).
    """
    target = y.astype(np.float64)
    rows = _sample(len(y))
    numeric = _standardize(x[rows][:, ~categorical])
    indicators = _indicators(x[rows][:, categorical])
    return {
        "log10_rows": float(np.log10(len(y))),
        "log10_columns": float(np.log10(x.shape[1])),
        "share_categorical": float(categorical.mean()),
        "share_missing": float(np.isnan(x).mean()),
        **(_moments(target) if kind == "regression" else balance(target)),
        "mean_correlation": _mean_correlation(numeric),
        **landmarks(np.hstack([numeric, indicators]), target[rows]),
    }


def landmarks(x: Array, y: Array) -> dict[str, float]:
    """How much of the spread of ``y`` simple learners predict: 1 all, 0 none, below 0 clipped.

    One minus the ratio of their mean squared error to that of the mean, each half predicted from
    the other; of a probability that is the Brier skill score. The tree of neighbours breaks ties
    alike on every machine, which a matrix product does not.
    """
    from sklearn.linear_model import Ridge
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.tree import DecisionTreeRegressor

    middle = len(y) // 2
    learners = {
        "stump": DecisionTreeRegressor(max_depth=1, random_state=0),
        "shallow_tree": DecisionTreeRegressor(max_depth=4, random_state=0),
        "neighbours": KNeighborsRegressor(min(5, middle), algorithm="kd_tree"),
        "linear": Ridge(),
    }
    halves = np.arange(middle), np.arange(middle, len(y))
    return {f"skill_{name}": _skill(learner, x, y, halves) for name, learner in learners.items()}


def _sample(count: int) -> NDArray[np.intp]:
    """The rows to measure landmarks on, in an order drawn by a fixed seed."""
    return np.random.default_rng(0).permutation(count)[:LANDMARK_ROWS]


def _skill(
    learner: Any, x: Array, y: Array, halves: tuple[NDArray[np.intp], NDArray[np.intp]]
) -> float:
    error = trivial = 0.0
    for fit, measured in (halves, halves[::-1]):
        predicted = learner.fit(x[fit], y[fit]).predict(x[measured])
        error += float(((y[measured] - predicted) ** 2).sum())
        trivial += float(((y[measured] - y[fit].mean()) ** 2).sum())
    return max(0.0, 1 - error / trivial) if trivial else 0.0


def balance(y: NDArray[Any]) -> dict[str, float]:
    """How many classes ``y`` has, and how alike they are in size."""
    _, sizes = np.unique(y, return_counts=True)
    shares = sizes / len(y)
    entropy = -(shares * np.log(shares)).sum() / np.log(max(len(sizes), 2))
    return {
        "classes": float(len(sizes)),
        "class_entropy": float(entropy),
        "minority_share": float(shares.min()),
    }


def _moments(y: Array) -> dict[str, float]:
    """Skewness and excess kurtosis; 0 for a constant."""
    z = (y - y.mean()) / (y.std() or 1.0)
    return {
        "classes": 0.0,
        "target_skew": float((z**3).mean()),
        "target_kurtosis": float((z**4).mean() - 3) if z.any() else 0.0,
    }


def _standardize(x: Float32) -> Array:
    """Columns of mean 0 and deviation 1; missing values and constant columns become 0."""
    given = ~np.isnan(x)
    count = np.maximum(given.sum(axis=0), 1)
    mean = np.where(given, x, 0).sum(axis=0, dtype=np.float64) / count
    centred = np.where(given, x - mean, 0)
    deviation = np.sqrt((centred**2).sum(axis=0) / count)
    return centred / np.where(deviation > 0, deviation, 1)


def _indicators(x: Float32) -> Array:
    """A column of zeros and ones for each category; a missing one has none."""
    columns = [column[:, None] == np.unique(column[~np.isnan(column)]) for column in x.T]
    return np.hstack([np.empty((len(x), 0)), *columns])


def _mean_correlation(z: Array) -> float:
    """Of standardised columns; 0 where there are fewer than two."""
    count = z.shape[1]
    if count < 2:
        return 0.0
    correlation = np.abs(z.T @ z) / len(z)
    return float((correlation.sum() - np.trace(correlation)) / (count * (count - 1)))
