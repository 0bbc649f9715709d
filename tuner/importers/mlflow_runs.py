"""Runs of an MLflow store, or of a legacy folder of runs, as studies."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from meta.history import Refusal
from meta.study import TrialState
from tuner.home import redact
from tuner.importers.foreign import ForeignStudy, ForeignTrial, Found, Reading, read_state
from tuner.importers.mlflow_folder import read_folder
from tuner.tracking.foreign import ForeignRun, read_foreign_runs

OURS = "a record of Warmtune: use the store with --history, or `tuner history export` it"


def read_mlflow(place: str, experiment: str | None) -> Found:
    """The studies of an experiment: a parent run and its children are one, all others together.

    Raises ``UsageError`` if it is not clear which experiment is meant, or nothing can be read, and
    ``StoreUnavailable`` for a store that is away.
    """
    refused: list[Refusal] = []
    if "://" in place:
        name, runs = read_foreign_runs(place, experiment)
    else:
        name, runs = read_folder(Path(place), experiment, refused)
    groups: dict[str, list[tuple[int, ForeignRun]]] = defaultdict(list)
    parents = {run.parent for run in runs}
    for id, run in enumerate(runs):
        if run.is_ours:
            refused.append(Refusal(name, id, OURS))
        elif run.id not in parents:
            groups[run.parent].append((id, run))
    titles = {run.id: f"{name}/{run.name}" for run in runs}
    studies = [
        ForeignStudy(
            titles.get(parent, name),
            "mlflow",
            f"{redact(place)} {parent}".strip(),
            tuple(_trial(id, run) for id, run in members),
        )
        for parent, members in groups.items()
    ]
    return Found(studies, refused)


def _trial(id: int, run: ForeignRun) -> ForeignTrial:
    try:
        state = read_state(run.status)
    except ValueError:
        state = TrialState.RUNNING
    seconds = max(0.0, run.ended - run.started)
    return ForeignTrial(id, run.params, state, _Readings(run), seconds=seconds)


class _Readings(Mapping[str, Sequence[Reading]]):
    """The metrics of a run with the seconds since it started."""

    def __init__(self, run: ForeignRun) -> None:
        self._run = run

    def __getitem__(self, name: str) -> Sequence[Reading]:
        return [
            Reading(step, value, time - self._run.started)
            for step, value, time in self._run.metrics[name]
        ]

    def __contains__(self, name: object) -> bool:
        return name in self._run.metrics

    def __iter__(self) -> Iterator[str]:
        return iter(self._run.metrics)

    def __len__(self) -> int:
        return len(self._run.metrics)
