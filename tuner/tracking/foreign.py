"""Reads the runs of an MLflow experiment that somebody else laid out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from tuner.errors import UsageError
from tuner.suggest import did_you_mean
from tuner.tracking.records import PARENT, STUDY
from tuner.tracking.runs import find_runs
from tuner.tracking.store import StoreUnavailable, connect, reason

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

MOST_RUNS = 100_000
MOST_EXPERIMENTS = 1000

Entry = tuple[int, float, float]
"""Step, value, and Unix time in seconds."""


@dataclass(frozen=True)
class ForeignRun:
    """A run as MLflow has it; ``started`` and ``ended`` are Unix times in seconds.

    ``is_ours`` if it is the record of a study of this program.
    """

    id: str
    name: str
    parent: str
    status: str
    started: float
    ended: float
    params: Mapping[str, str]
    metrics: Mapping[str, Sequence[Entry]]
    is_ours: bool = False


def read_foreign_runs(uri: str, experiment: str | None) -> tuple[str, list[ForeignRun]]:
    """The name of an experiment, if none is given the only one with runs, and its runs by age.

    Metrics are fetched when somebody looks at them. Raises ``UsageError`` if it is not clear which
    experiment is meant, ``StoreUnavailable`` if the store cannot be read, then or later.
    """
    client = connect(uri)
    try:
        found = _experiments(client)
        if experiment is None:
            found = {name: id for name, id in found.items() if _has_runs(client, id)}
        name = choose(found, experiment, uri)
        runs = list(islice(find_runs(client, found[name], ""), MOST_RUNS))
        return name, [_run(client, run) for run in reversed(runs)]
    except UsageError:
        raise
    except Exception as error:
        raise StoreUnavailable(reason(error)) from None


def choose(found: Mapping[str, object], wanted: str | None, place: str) -> str:
    """The experiment that is meant; raises ``UsageError``."""
    if wanted is None and len(found) == 1:
        return next(iter(found))
    if wanted in found:
        return str(wanted)
    if not found:
        raise UsageError(f"{place}: no experiment has a run. Name another store.")
    if wanted is None:
        names = ", ".join(list(found)[:20])
        raise UsageError(f"{place}: several experiments ({names}). Choose with --experiment NAME.")
    what = f"no experiment {wanted!r} in {place}"
    raise UsageError(f"--experiment: {what}. {did_you_mean(wanted, found)}")


def _experiments(client: "MlflowClient") -> dict[str, str]:
    found = client.search_experiments(max_results=MOST_EXPERIMENTS)
    return {experiment.name: experiment.experiment_id for experiment in found}


def _has_runs(client: "MlflowClient", experiment_id: str) -> bool:
    return bool(client.search_runs([experiment_id], max_results=1))


def _run(client: "MlflowClient", run: "Run") -> ForeignRun:
    tags, started = run.data.tags, run.info.start_time / 1000
    return ForeignRun(
        id=run.info.run_id,
        name=run.info.run_name or run.info.run_id,
        parent=tags.get(PARENT, ""),
        status=run.info.status,
        started=started,
        ended=(run.info.end_time or run.info.start_time) / 1000,
        params=run.data.params,
        metrics=_Histories(client, run),
        is_ours=STUDY in tags,
    )


class _Histories(Mapping[str, Sequence[Entry]]):
    """The metrics of a run; each is a call to MLflow, once."""

    def __init__(self, client: "MlflowClient", run: "Run") -> None:
        self._client = client
        self._run_id = run.info.run_id
        self._names = run.data.metrics
        self._fetched: dict[str, list[Entry]] = {}

    def __getitem__(self, name: str) -> Sequence[Entry]:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._fetched:
            try:
                history = self._client.get_metric_history(self._run_id, name)
            except Exception as error:
                raise StoreUnavailable(reason(error)) from None
            self._fetched[name] = [(m.step, m.value, m.timestamp / 1000) for m in history]
        return self._fetched[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
