"""The measures of the transfer benchmark, as `hpo_history/README.md` defines them, and intervals.

A curve is ``r`` after each trial, ``(best - min) / (median - min)`` of the whole table: 1 is a
median configuration, 0 the best one. Tables of runs are pandas frames of one row per run, indexed
by ``KEY``, whose columns are the trials (0, 1, …) and ``ms``, milliseconds per trial.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]

KEY = ["protocol", "method", "family", "task", "seed"]
CHECKPOINTS = (1, 5, 10, 25, 50)
FLOOR = 0.001
CEILING = 10.0
RESAMPLES = 2000
EQUAL = 1e-6
"""Two values of r are the same: the peers' are kept in single precision."""


def distance(best: Array, table: Array) -> Array:
    """r of the ``best`` values so far, on a task whose whole ``table`` of values is known."""
    low = table.min()
    return np.asarray((best - low) / (np.median(table) - low))


def aulr(curves: Array) -> Array:
    """The mean over all trials of log10(min(r, 10) + 0.001), per row; lower is better."""
    return np.asarray(np.log10(np.minimum(curves, CEILING) + FLOOR).mean(axis=-1))


def trials_to_reach(curve: Array, level: float) -> int:
    """How many trials it takes until ``curve`` is at most ``level``; its length + 1 = never."""
    reached = np.flatnonzero(curve <= level + EQUAL)
    return int(reached[0]) + 1 if len(reached) else len(curve) + 1


def curves(runs: pd.DataFrame) -> Array:
    return np.asarray(runs.drop(columns="ms"), dtype=float)


def scores(runs: pd.DataFrame) -> pd.DataFrame:
    """What the tables show of each run: r1 … r50, their logarithms, AULR, ms."""
    of = curves(runs)
    result = pd.DataFrame(index=runs.index)
    for count in CHECKPOINTS:
        result[f"r{count}"] = of[:, count - 1]
        result[f"log_r{count}"] = np.log10(of[:, count - 1] + FLOOR)
    result["aulr"] = aulr(of)
    result["ms"] = runs["ms"]
    return result


def trials_to_match(runs: pd.DataFrame, cold: pd.DataFrame) -> pd.Series:
    """Per (family, task): trials until the mean r is at most that of ``cold`` at its end."""
    mean = runs.drop(columns="ms").groupby(["family", "task"]).mean()
    goal = cold.drop(columns="ms").groupby(["family", "task"]).mean().iloc[:, -1]
    return pd.Series(
        {key: trials_to_reach(row.to_numpy(), goal[key]) for key, row in mean.iterrows()},
        dtype=float,
    )


@dataclass(frozen=True)
class Interval:
    """A mean difference and its 95 % confidence interval."""

    mean: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2

    def power(self, margin: float) -> float:
        """The chance that a difference of zero is shown to be below ``margin``, given this width.

        The test passes where ``high`` < ``margin`` (non-inferiority, one-sided 2.5 %).
        """
        normal = NormalDist()
        quantile = normal.inv_cdf(0.975)
        if self.half_width == 0:
            return 1.0
        return normal.cdf(margin / (self.half_width / quantile) - quantile)

    def verdict(self, margin: float) -> str:
        if self.high < margin:
            return "no harm"
        return "harm" if self.low > 0 else "undecided"


def interval(differences: Sequence[Array]) -> Interval:
    """Of the mean over families of the mean over tasks; a task's seeds are averaged already.

    ``differences`` holds one array per family, one number per task. Tasks are resampled within
    their family with their seeds (cluster bootstrap, percentiles): B. Efron and R. Tibshirani,
    An Introduction to the Bootstrap (1993). With a dozen tasks it is a little too narrow.
    """
    mean = float(np.mean([family.mean() for family in differences]))
    generator = np.random.default_rng(0)
    resampled = [
        family[generator.integers(len(family), size=(RESAMPLES, len(family)))].mean(axis=1)
        for family in differences
    ]
    low, high = np.quantile(np.mean(resampled, axis=0), (0.025, 0.975))
    return Interval(mean, float(low), float(high))


def paired(ours: pd.Series, theirs: pd.Series) -> dict[str, Interval]:
    """Ours minus theirs on the (family, task, seed) that both have: per family, and their mean.

    A family of a single task has no interval and is left out.
    """
    difference = (ours.droplevel(KEY[:2]) - theirs.droplevel(KEY[:2])).dropna()
    by_task = difference.groupby(["family", "task"]).mean()
    groups = {str(name): group.to_numpy() for name, group in by_task.groupby("family")}
    families = {name: values for name, values in groups.items() if len(values) > 1}
    if not families:
        return {}
    each = {name: interval([values]) for name, values in families.items()}
    return {**each, "mean": interval(list(families.values()))}
