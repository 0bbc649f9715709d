"""Finished studies in run directories, with values as given."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from meta.study import Measurement, Metric, Study, Task, TrialState
from tests.tuner.studies import METRIC, SPACE
from tuner.comparison.runs import FinishedRun, read_finished
from tuner.config import StudyConfig
from tuner.events import Ended, FinalFit, Finished, Measured, Started, Used
from tuner.journal import Journal
from tuner.usage import Usage

TASK = Task("toy", "curve")
CONFIG = StudyConfig(TASK, "toy", METRIC, SPACE)


def finished(
    directory: Path,
    arm: str,
    seed: int,
    values: Sequence[float | None],
    *,
    task: Task = TASK,
    metric: Metric = METRIC,
    test: float | Sequence[float] | None = None,
    usage: Sequence[tuple[int | None, Usage]] = (),
    gpu_hours: float = 0.0,
    sources: Sequence[str] = (),
    fingerprint: str = "data",
    changes: dict[str, Any] | None = None,
    ray: str = "2.60",
) -> FinishedRun:
    """A study whose trials took one second each; None is one that ASHA stopped.

    ``test`` has a value for each seed of the final fits, which took two seconds each; ``usage``
    what trials used, or under None the final fits.
    """
    config = replace(CONFIG, task=task, seed=seed, metric=metric).to_json() | (changes or {})
    study = Study(
        f"{task.id}-{arm}-{seed}", task, SPACE, metric, seed, arm, fingerprint=fingerprint
    )
    past = {"points": [], "sources": [{"id": id} for id in sources]}
    header = {"config": config, "past": past, "versions": {"ray": ray}}
    header["command"] = f"tuner run {task.id} --seed {seed}"
    place = directory / study.id
    place.mkdir(parents=True)
    log = Journal.create(place, study, header)
    for id, value in enumerate(values):
        log.append(Started(id, {"x": 0.5, "depth": 2}, arm, id))
        log.append(Measured(id, Measurement(1, 5.0 if value is None else value, 1.0)))
        state = TrialState.STOPPED if value is None else TrialState.COMPLETED
        log.append(Ended(id, state, "", 1.0))
    log.append(*(Used(trial, used) for trial, used in usage if trial is not None))
    log.append(Finished("all trials done", gpu_hours))
    log.append(*(Used(trial, used) for trial, used in usage if trial is None))
    for n, value in enumerate([test] if isinstance(test, float) else test or ()):
        others = {"mae": 2 * value, metric.name: value}
        log.append(FinalFit({"x": 0.5, "depth": 2}, value, others, 2.0, seed + 100 * n))
    log.close()
    return read_finished(place)
