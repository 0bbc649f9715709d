"""What is measured on a pair of studies; ``docs/statistics.md`` tells why these."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal

from trainables.metrics import LARGER_IS_BETTER
from tuner.comparison.records import Measure, Pair
from tuner.comparison.runs import GPU_HOURS, TRAINING_SECONDS, FinishedRun

Pairing = tuple[FinishedRun, FinishedRun]
"""A baseline and a candidate that agree in all but what is compared."""
Read = Callable[[FinishedRun, FinishedRun], float | None]
"""From a study and the other of its pair to what is measured on the first."""

SMALLER_IS_BETTER = frozenset({"rmse", "mae", "log_loss"})


def measured(pairings: Sequence[Pairing]) -> Iterator[tuple[Measure, list[Pair]]]:
    """Each measure with the pairs that have it, the primary one first; none without any pair.

    Where some tasks maximise and others minimise, values are turned into what is missing to the
    highest possible one, so that less is better everywhere.
    """
    modes = {run.study.metric.mode for run, _ in pairings}
    better: Literal["low", "high"] = "high" if modes == {"max"} else "low"
    turn = _shortfall if len(modes) > 1 else _as_it_is
    cost = cost_axis([run for pairing in pairings for run in pairing])
    yield from _gather(
        pairings,
        Measure("area", "area under the regret curve", "difference", "low"),
        _area,
        partial(_turned, turn, _either_final),
    )
    values: dict[tuple[str, str], Read] = {
        ("final", "best value at equal trials"): _final,
        ("at_cost", f"best value at equal {cost}"): _at_equal_cost,
        ("test", "test value of the final model"): _test,
    }
    for (key, title), read in values.items():
        measure = Measure(key, title, "difference", better)
        yield from _gather(pairings, measure, partial(_turned, turn, read))
    efforts: dict[tuple[str, str], Read] = {
        ("trials", "trials to the other arm's final value"): _trials_to_target,
        ("seconds", f"{cost} to the other arm's final value"): _seconds_to_target,
    }
    for (key, title), read in efforts.items():
        yield from _gather(pairings, Measure(key, title, "ratio", "low"), read)
    for name in sorted(LARGER_IS_BETTER | SMALLER_IS_BETTER):
        better = "high" if name in LARGER_IS_BETTER else "low"
        measure = Measure(f"test_{name}", f"{name} on test", "difference", better, name)
        yield from _gather(pairings, measure, partial(_test_metric, name))


def _gather(
    pairings: Sequence[Pairing], measure: Measure, read: Read, unit: Read | None = None
) -> Iterator[tuple[Measure, list[Pair]]]:
    pairs = []
    for baseline, candidate in pairings:
        before, after = read(baseline, candidate), read(candidate, baseline)
        reference = unit(baseline, candidate) if unit else before
        if before is not None and after is not None:
            study = baseline.study
            pairs.append(Pair(study.task.id, study.seed, before, after, reference or 0.0))
    if pairs:
        yield measure, pairs


def _as_it_is(run: FinishedRun, value: float) -> float:
    return value


def _shortfall(run: FinishedRun, value: float) -> float:
    metric = run.study.metric
    if metric.mode == "min":
        return value
    return metric.high - value if math.isfinite(metric.high) else -value


def _turned(
    turn: Callable[[FinishedRun, float], float], read: Read, run: FinishedRun, other: FinishedRun
) -> float | None:
    value = read(run, other)
    return None if value is None else turn(run, value)


def cost_axis(runs: Sequence[FinishedRun]) -> str:
    """What training costs: GPU-hours if each of the studies used a GPU, else seconds."""
    on_gpu = all(run.finished.gpu_hours > 0 for run in runs)
    return GPU_HOURS if on_gpu else TRAINING_SECONDS


def _final(run: FinishedRun, other: FinishedRun) -> float | None:
    trials = min(len(run.endings), len(other.endings))
    return run.endings[trials - 1].best if trials else None


def _either_final(run: FinishedRun, other: FinishedRun) -> float | None:
    value = _final(run, other)
    return _final(other, run) if value is None else value


def _at_equal_cost(run: FinishedRun, other: FinishedRun) -> float | None:
    return run.at_cost(min(run.training_seconds, other.training_seconds))


def _area(run: FinishedRun, other: FinishedRun) -> float | None:
    """The mean regret over the trials that both have.

    Regret is loss minus the lowest loss of the pair. Before its first completed trial a study
    counts as having the worst value at which either began.
    """
    trials = min(len(run.endings), len(other.endings))
    losses = [
        [None if ending.best is None else one.loss(ending.best) for ending in one.endings[:trials]]
        for one in (run, other)
    ]
    begun = [loss for series in losses for loss in series if loss is not None]
    if not begun:
        return None
    worst, lowest = max(begun), min(begun)
    mine = [worst if loss is None else loss for loss in losses[0]]
    return sum(mine) / trials - lowest


def _target(run: FinishedRun, other: FinishedRun) -> float | None:
    """The worse of the two final values, which both studies reached."""
    if run.best is None or other.best is None:
        return None
    return max(run.best, other.best, key=run.loss)


def _trials_to_target(run: FinishedRun, other: FinishedRun) -> float | None:
    target = _target(run, other)
    ending = None if target is None else run.reached(target)
    return None if ending is None else float(ending.trials)


def _seconds_to_target(run: FinishedRun, other: FinishedRun) -> float | None:
    target = _target(run, other)
    ending = None if target is None else run.reached(target)
    return ending.seconds if ending and ending.seconds > 0 else None


def _test(run: FinishedRun, other: FinishedRun) -> float | None:
    """None where the final fits of one lack a seed that the other has."""
    if run.tested is None or run.tested_seeds != other.tested_seeds:
        return None
    return run.tested.value


def _test_metric(name: str, run: FinishedRun, other: FinishedRun) -> float | None:
    if name == run.study.metric.name or run.tested is None or _test(run, other) is None:
        return None
    return run.tested.metrics.get(name)
