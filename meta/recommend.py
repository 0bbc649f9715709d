"""The first configurations to try: those of the past that together suit every past task best."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from meta.encoding import Encoding
from meta.feasibility import success_probability
from meta.prior import Prior
from meta.space import Config

LIKELY = 0.5
"""Where a success is less likely than this, nothing is recommended."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A configuration to start from, why, and the ids of the past studies behind it."""

    config: Config
    reason: str
    sources: tuple[str, ...] = ()


def recommend(
    prior: Prior | None, encoding: Encoding, points: int, names: Mapping[str, str]
) -> list[Recommendation]:
    """At most ``points`` different configurations, the default the last of them.

    The others were tried in the past. Each in turn lowers most what is expected of the best of
    them, averaged over the past tasks (the greedy portfolio of M. Wistuba, N. Schilling and
    L. Schmidt-Thieme, Sequential Model-Free Hyperparameter Tuning, ICDM 2015), and no study gives
    more than half of the points. ``names`` says how to call a study in the reason.
    """
    default = Recommendation(encoding.space.default(), "default")
    if prior is None or points < 2:
        return [default][:points]
    chosen = [
        item for item in _portfolio(prior, encoding, points, names) if item.config != default.config
    ]
    return [*chosen[: points - 1], default]


def _portfolio(
    prior: Prior, encoding: Encoding, points: int, names: Mapping[str, str]
) -> list[Recommendation]:
    scores, total = prior.scores(prior.points), len(prior.sources)
    importance = prior.kinship + (1 - prior.kinship.sum()) / total
    success = success_probability(prior.points, prior.points, encoding.points(prior.failed))
    free = success >= LIKELY
    best = np.full(total, np.inf)
    given = np.zeros(total, int)
    chosen: list[Recommendation] = []
    while free.any() and len(chosen) < points:
        reached = np.minimum(scores, best)
        row = int(np.argmin(np.where(free, reached @ importance, np.inf)))
        owner = int(prior.owners[row])
        source = prior.sources[owner]
        helped = int((scores[row] < best).sum())
        best = reached[row]
        given[owner] += 1
        same = (prior.points == prior.points[row]).all(1)
        free &= ~same & (given < max(1, points // 2))[prior.owners]
        why = f"better for {helped} of {total} past studies" if chosen else "expected best"
        reason = f"{why}, tried in {names.get(source, source)}"
        chosen.append(Recommendation(encoding.config(prior.units[row]), reason, (source,)))
    return chosen
