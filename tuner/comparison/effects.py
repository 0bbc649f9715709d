"""From the pairs of one measure to its effects, on each task and over all tasks."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tuner.comparison.records import ALL_TASKS, Effect, Measure, Pair, Result
from tuner.comparison.statistics import (
    FEWEST_PAIRS,
    FEWEST_TASKS,
    Array,
    Groups,
    cohens_d,
    detectable,
    estimate,
    holm,
    interval,
    rank_biserial,
    t_test,
    wilcoxon,
)
from tuner.comparison.verdict import verdict


def assess(measure: Measure, pairs: Sequence[Pair], metrics: dict[str, str]) -> Result:
    """The effects of one measure; ``metrics`` names that of each task."""
    by_task: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_task.setdefault(pair.task, []).append(pair)
    tested = sum(len(group) >= FEWEST_PAIRS for group in by_task.values())
    tasks = [
        _effect(measure, task, [group], measure.metric or metrics[task], max(tested, 1))
        for task, group in by_task.items()
    ]
    corrected = holm([effect.t_p for effect in tasks])
    tasks = [replace(e, holm_p=p) for e, p in zip(tasks, corrected, strict=True)]
    overall = _overall(measure, list(by_task.values()))
    judged = tuple(replace(e, verdict=verdict(measure, e)) for e in tasks)
    return Result(
        measure,
        tuple(pairs),
        judged,
        overall and replace(overall, verdict=verdict(measure, overall)),
    )


def _overall(measure: Measure, groups: list[list[Pair]]) -> Effect | None:
    if len(groups) < 2 or any(pair.unit == 0 for group in groups for pair in group):
        return None
    if measure.scale == "ratio":
        return _effect(measure, ALL_TASKS, groups, "x", 1)
    percents = [
        [
            replace(
                pair,
                baseline=100 * pair.baseline / abs(pair.unit),
                candidate=100 * pair.candidate / abs(pair.unit),
            )
            for pair in group
        ]
        for group in groups
    ]
    effect = _effect(measure, ALL_TASKS, percents, "%", 1)
    return replace(effect, baseline=None, candidate=None)


def _effect(
    measure: Measure, scope: str, groups: list[list[Pair]], unit: str, tests: int
) -> Effect:
    """The effect on one or more tasks, not yet judged; ``tests`` share the 5 %."""
    pairs = [pair for group in groups for pair in group]
    ratio, sign = measure.scale == "ratio", 1 if measure.better == "high" else -1
    differences = [np.array([_difference(pair, ratio) for pair in group]) for group in groups]
    flat: Array = np.concatenate(differences)
    back = math.exp if ratio else float
    generalises = len(groups) >= FEWEST_TASKS
    effect = Effect(
        scope=scope,
        unit="x" if ratio else unit,
        pairs=len(pairs),
        better=int((sign * flat > 0).sum()),
        baseline=_middle([pair.baseline for pair in pairs], ratio),
        candidate=_middle([pair.candidate for pair in pairs], ratio),
        effect=back(float(np.mean([group.mean() for group in differences]))),
        low=None,
        high=None,
        t_p=None,
        wilcoxon_p=None,
        holm_p=None,
        cohens_d=None,
        rank_biserial=None,
        detectable=None,
        generalises=generalises,
        verdict="",
    )
    if min(map(len, groups)) < FEWEST_PAIRS:
        return effect
    found = estimate(differences, generalises)
    span, least = interval(differences, generalises), detectable(found, tests)
    ranked = _task_means(differences) if generalises else flat
    d, biserial = cohens_d(differences, generalises), rank_biserial(ranked)
    return replace(
        effect,
        low=None if span is None else back(span[0]),
        high=None if span is None else back(span[1]),
        t_p=t_test(found),
        wilcoxon_p=wilcoxon(ranked),
        cohens_d=None if d is None else sign * d,
        rank_biserial=None if biserial is None else sign * biserial,
        detectable=None if least is None else back(least),
    )


def _difference(pair: Pair, ratio: bool) -> float:
    if ratio:
        return math.log(pair.candidate / pair.baseline)
    return pair.candidate - pair.baseline


def _task_means(groups: Groups) -> Array:
    return np.array([group.mean() for group in groups])


def _middle(values: Sequence[float], ratio: bool) -> float:
    """The mean, geometric for ratios."""
    return math.exp(float(np.log(values).mean())) if ratio else float(np.mean(values))
