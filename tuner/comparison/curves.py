"""The best value over trials and over cost, of each arm; and what each arm used."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tuner.bill import Bill
from tuner.comparison.measures import cost_axis
from tuner.comparison.records import Cost, Curve
from tuner.comparison.runs import GPU_HOURS, FinishedRun

GRID = 100
"""Points of a curve over cost."""

Groups = dict[tuple[str, str], list[FinishedRun]]


def curves(groups: Groups) -> Iterator[Curve]:
    """Two curves for each task and arm that has a completed trial for every seed.

    One is left out if a seed was at its end before another had a completed trial.
    """
    axis = cost_axis([run for runs in groups.values() for run in runs])
    for (task, arm), runs in groups.items():
        starts = [next((e for e in run.endings if e.best is not None), None) for run in runs]
        begun = [ending for ending in starts if ending is not None]
        if len(begun) < len(runs):
            continue
        last = min(len(run.endings) for run in runs)
        trials = [float(n) for n in range(max(ending.trials for ending in begun), last + 1)]
        if trials:
            yield _curve(task, arm, "trials", runs, trials, _after_trials)
        first, end = (
            max(ending.seconds for ending in begun),
            min(run.training_seconds for run in runs),
        )
        if first <= end:
            seconds = list(np.linspace(first, end, GRID))
            yield _curve(task, arm, axis, runs, seconds, _after_seconds)


def _after_trials(run: FinishedRun, trials: float) -> float | None:
    return run.endings[int(trials) - 1].best


def _after_seconds(run: FinishedRun, seconds: float) -> float | None:
    return run.at_cost(seconds)


def _curve(
    task: str,
    arm: str,
    axis: str,
    runs: Sequence[FinishedRun],
    x: Sequence[float],
    read: Callable[[FinishedRun, float], float | None],
) -> Curve:
    values = np.array([[read(run, at) for at in x] for run in runs], float).reshape(-1, len(x))
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
    scale = _gpu_share(runs) / 3600 if axis == GPU_HOURS else 1.0
    return Curve(
        task,
        arm,
        axis,
        runs[0].study.metric.name,
        len(runs),
        tuple(float(at) * scale for at in x),
        *(tuple(map(float, part)) for part in (median, low, high)),
    )


def _gpu_share(runs: Sequence[FinishedRun]) -> float:
    """GPUs that one trial occupied, on average."""
    hours = sum(run.finished.gpu_hours for run in runs)
    return hours * 3600 / sum(run.training_seconds for run in runs)


def costs(groups: Groups) -> Iterator[Cost]:
    """What each arm used on each task."""
    for (task, arm), runs in groups.items():
        yield Cost(
            task,
            arm,
            len(runs),
            trials=sum(len(run.endings) for run in runs),
            training_seconds=sum(run.training_seconds for run in runs),
            running_seconds=sum(run.running_seconds for run in runs),
            final_seconds=sum(run.tested.seconds for run in runs if run.tested),
            usage=sum((run.bill for run in runs), Bill()).to_json(),
        )
