"""The past as a few trials that stand for all, for a surrogate that knows nothing but trials."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from meta.arrays import Array
from meta.prior import Prior

GOOD, BEST, FEWEST = 0.1, 0.03, 4
"""The first ``GOOD`` of the trials are drawn from the ``BEST`` of the past, at least ``FEWEST``."""
BELIEF, BELIEVED = 0.7, 4
"""The agreement before any trial, and so many trials count as much as that belief."""
CONVINCING = 2 / 3
"""From this agreement on the past is trusted fully."""


@dataclass(frozen=True)
class Agreement:
    """How far the past is to be trusted, in [0, 1], and the share of each source in what it says.

    The shares sum to 1 unless no source agrees with the study.
    """

    trust: float
    shares: Array


class Mixture:
    """The trials of all sources, ranked by what the prior expects of them on their own task."""

    def __init__(self, prior: Prior) -> None:
        self.prior = prior
        self._owners = prior.owners
        expected = prior.scores(prior.points)[np.arange(len(prior.units)), self._owners]
        self._ranking = np.argsort(expected, kind="stable")

    def agreement(self, points: Array, losses: Array) -> Agreement:
        """Compare what the past expects at ``points`` with the ``losses`` measured there.

        By rank correlations, drawn to ``BELIEF`` while the trials are few.
        """
        expected = np.column_stack([self.prior.expect(points).mean, self.prior.scores(points)])
        seen = max(0, len(losses) - 1)
        measured = seen * _rank_correlations(expected, losses)
        believed = np.maximum((BELIEVED * BELIEF + measured) / (BELIEVED + seen), 0)
        shares = self.prior.kinship * believed[1:]
        trust = min(1.0, float(believed[0]) / CONVINCING) if shares.any() else 0.0
        return Agreement(trust, shares / (shares.sum() or 1.0))

    def draw(self, shares: Array, count: int) -> Array:
        """Units of at most ``count`` trials, best first, to which each source gives its share.

        They are spaced evenly over the ranks, so that nothing is left to chance.
        """
        owners, total = self._owners[self._ranking], len(self._ranking)
        places = np.cumsum((shares / np.bincount(owners))[owners])
        rows = np.searchsorted(places, _places(min(count, total), total) * places[-1])
        return np.asarray(self.prior.units[self._ranking[rows]])


def _places(count: int, total: int) -> Array:
    """Where, within (0, 1), ``count`` trials stand among the ranks of ``total``."""
    good = math.ceil(GOOD * count)
    best = min(max(BEST, FEWEST / total), GOOD)
    return np.concatenate([best * _middles(good), best + (1 - best) * _middles(count - good)])


def _middles(count: int) -> Array:
    return (np.arange(count) + 0.5) / max(1, count)


def _rank_correlations(columns: Array, losses: Array) -> Array:
    """Spearman's coefficient of each column with ``losses``; 0 where either is constant."""
    middle = (len(losses) + 1) / 2
    left, right = rankdata(columns, axis=0) - middle, rankdata(losses) - middle
    sizes = np.sqrt((left * left).sum(0) * (right @ right))
    return np.asarray(right @ left / np.maximum(sizes, 1e-12))
