"""The MLflow runs of one study, found again by their tags: writing twice changes nothing.

A call may have taken effect although its answer was lost. So after any failure the runs are looked
up anew; what is sent again (parameters, tags, metrics with the journal's times) MLflow keeps once.
"""

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import TYPE_CHECKING, TypeVar

from tuner.tracking.records import PARENT, STATE, STUDY, TRIAL, MetricValue
from tuner.tracking.store import StoreUnavailable, sqlite_path

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

Item = TypeVar("Item")

METRICS_PER_CALL = 900
PAIRS_PER_CALL = 90
"""MLflow takes 1000 metrics and 100 tags or parameters in one call."""
RUNS_PER_PAGE = 1000
LOCAL_RUNS_PER_PAGE = 3000
"""For each page MLflow looks at all runs. A server has ten seconds for one; in this process a run
takes 30 kB as long as the page is held."""
DIGEST_LENGTH = 36


class StudyRuns:
    """What MLflow has of a study: the ids of its runs by trial, that of the study under None.

    ``final`` are the trials whose run is complete, or was deleted by somebody.
    """

    def __init__(self, client: "MlflowClient", experiment_id: str, study_id: str) -> None:
        self.client = client
        self._experiment_id = experiment_id
        self.ids: dict[int | None, str] = {}
        self.final: set[int] = set()
        ours = f"tags.`{STUDY}` = '{study_id}'"
        runs = list(find_runs(client, experiment_id, ours, "all"))
        parents = {run.data.tags.get(PARENT) for run in runs}
        for run in sorted(runs, key=lambda run: _last(run, parents)):
            self._know(run)

    def create(self, trial: int | None, name: str, started: float, tags: dict[str, str]) -> None:
        """Create the run of a trial, or that of the study if ``trial`` is None."""
        if trial is not None:
            tags = {**tags, PARENT: self.ids[None]}
        run = self.client.create_run(self._experiment_id, _milliseconds(started), tags, name)
        self.ids[trial] = run.info.run_id

    def log(
        self,
        trial: int | None,
        values: Sequence[MetricValue] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Write to a run, in as few calls as MLflow's limits allow."""
        from mlflow.entities import Metric, Param, RunTag

        metrics = [
            Metric(name, value, _milliseconds(time), step) for name, value, time, step in values
        ]
        batches = zip_longest(
            _chunks(metrics, METRICS_PER_CALL),
            _chunks([Param(*pair) for pair in (params or {}).items()], PAIRS_PER_CALL),
            _chunks([RunTag(*pair) for pair in (tags or {}).items()], PAIRS_PER_CALL),
            fillvalue=(),
        )
        for batch in batches:
            self.client.log_batch(self.ids[trial], *batch)

    def log_data(self, name: str, fingerprint: str) -> None:
        """Say which data the study used; the UI has a column for that."""
        from mlflow.entities import Dataset, DatasetInput

        data = Dataset(name, fingerprint[:DIGEST_LENGTH] or "unknown", "tuner", "{}")
        self.client.log_inputs(self.ids[None], [DatasetInput(data)])

    def end(self, trial: int | None, status: str, ended: float) -> None:
        """Close a run; it can still be written to."""
        self.client.set_terminated(self.ids[trial], status, _milliseconds(ended))

    def reopen(self, trial: int | None) -> None:
        """Show a run as running that an earlier session closed."""
        self.client.update_run(self.ids[trial], "RUNNING")

    def _know(self, run: "Run") -> None:
        """Take note of a run; one that an earlier call made twice is deleted."""
        run_id, tag, deleted = run.info.run_id, run.data.tags.get(TRIAL), _deleted(run)
        trial = None if tag is None else int(tag)
        if trial in self.ids:
            if not deleted:
                self.client.delete_run(run_id)
            return
        self.ids[trial] = run_id
        if trial is None:
            if deleted:
                raise StoreUnavailable(f"run {run_id} of this study was deleted in MLflow")
        elif deleted or (run.info.status != "RUNNING" and run.data.tags.get(STATE) != "RUNNING"):
            self.final.add(trial)


def find_runs(
    client: "MlflowClient",
    experiment_id: str,
    condition: str,
    view: str = "active_only",
) -> "Iterator[Run]":
    """The runs of an experiment that fulfil a condition, newest first.

    ``view`` is ``active_only``, ``deleted_only`` or ``all``.
    """
    from mlflow.entities import ViewType

    local = sqlite_path(client.tracking_uri) is not None
    page = LOCAL_RUNS_PER_PAGE if local else RUNS_PER_PAGE
    stage, order = ViewType.from_string(view), ["attributes.start_time DESC"]
    token = None
    while True:
        with _no_garbage_collection():
            runs = client.search_runs([experiment_id], condition, stage, page, order, token)
        yield from runs
        token = runs.token
        if not token:
            return


@contextmanager
def _no_garbage_collection() -> "Iterator[None]":
    """MLflow makes dozens of objects for each run, and looking for cycles took half of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _last(run: "Run", parents: set[str | None]) -> tuple[bool, bool, bool]:
    return _deleted(run), run.info.run_id not in parents, run.info.status == "RUNNING"


def _deleted(run: "Run") -> bool:
    return bool(run.info.lifecycle_stage == "deleted")


def _milliseconds(unix_time: float) -> int:
    return round(unix_time * 1000)


def _chunks(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
