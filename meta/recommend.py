"""The first configurations to try: those of the past that together suit every past task best."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from meta.arrays import Array, Mask
from meta.encoding import Encoding
from meta.feasibility import success_probability
from meta.prior import Prior
from meta.space import Config

LIKELY = 0.5
"""Where a success is less likely than this, nothing is recommended."""
SAME = 1e-4
"""Configurations that differ by no more in any column of their points are one."""
SURE = 0.7
"""Studies of the same data are related by 1, by 0.8 in the starter history."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A configuration to start from, why, and the ids of the past studies behind it."""

    config: Config
    reason: str
    sources: tuple[str, ...] = ()


def recommend(
    prior: Prior | None, encoding: Encoding, points: int, names: Mapping[str, str]
) -> list[Recommendation]:
    """At most ``points`` different configurations, the default among them.

    It is the last where a past study is related enough to be ``SURE``, else the first: what suits
    other data may be worse here than what suits most, and by the default a cold study begins. The
    others were tried in the past. Each in turn lowers most what is expected of the best of
    them, averaged over the past tasks (the greedy portfolio of M. Wistuba, N. Schilling and
    L. Schmidt-Thieme, Sequential Model-Free Hyperparameter Tuning, ICDM 2015), and no study gives
    more than half of the points. ``names`` says how to call a study in the reason.
    """
    default = Recommendation(encoding.space.default(), "default")
    if prior is None or points < 2:
        return [default][:points]
    chosen = _portfolio(prior, encoding, points, names)
    return [*chosen, default] if prior.related >= SURE else [default, *chosen]


def _portfolio(
    prior: Prior, encoding: Encoding, points: int, names: Mapping[str, str]
) -> list[Recommendation]:
    scores, total = prior.scores(prior.points), len(prior.sources)
    expected = scores @ prior.importance
    free = _worth_trying(prior, encoding)
    best = np.full(total, np.inf)
    given = np.zeros(total, int)
    chosen: list[Recommendation] = []
    while free.any() and len(chosen) < points - 1:
        reached = np.minimum(scores, best) @ prior.importance
        order = np.lexsort((expected, reached))  # where nothing lowers it, the best expected
        row = int(order[free[order]][0])
        helped = int((scores[row] < best).sum())
        owner = int(prior.owners[row])
        source = prior.sources[owner]
        reason = f"{_why(len(chosen), helped, total)}, tried in {names.get(source, source)}"
        chosen.append(Recommendation(encoding.config(prior.units[row]), reason, (source,)))
        best = np.minimum(scores[row], best)
        given[owner] += 1
        free &= ~_same(prior.points, prior.points[row]) & (given < points // 2)[prior.owners]
    return chosen


def _worth_trying(prior: Prior, encoding: Encoding) -> Mask:
    """Which rows of the prior will not fail, and are not what is tried anyway: the default."""
    success = success_probability(prior.points, prior.points, encoding.points(prior.failed))
    default = encoding.points(encoding.units([encoding.space.default()]))[0]
    return np.asarray((success >= LIKELY) & ~_same(prior.points, default))


def _same(points: Array, point: Array) -> Mask:
    return np.asarray((np.abs(points - point) <= SAME).all(1))


def _why(before: int, helped: int, total: int) -> str:
    if not before:
        return "expected best"
    return f"better for {helped} of {total} past studies" if helped else "next best"
