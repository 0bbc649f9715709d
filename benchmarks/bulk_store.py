"""An MLflow store with many studies, made as our projection leaves it but in minutes.

The projection itself writes, through a stand-in for MLflow's client that inserts the rows in bulk.
``check`` asserts that this is the same: row by row, against a small study written through MLflow.
"""

import sqlite3
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np

from meta.space import Config, Float, Int, SearchSpace
from meta.study import Measurement, Metric, Study, Task, Trial, TrialState
from tuner.events import Ended, Event, Finished, Measured, Started
from tuner.journal import Journal
from tuner.tracking.projection import Projection
from tuner.tracking.store import analyze, connect, open_experiment

EXPERIMENT = "warmtune"
STEPS = 10
SPACE = SearchSpace(
    {
        "learning_rate": Float(0.01, 0.3, log=True),
        "max_depth": Int(3, 10),
        "n_estimators": Int(100, 1000),
        "subsample": Float(0.5, 1.0),
    }
)
COLUMNS = {
    "runs": "run_uuid name source_type source_name entry_point_name user_id status start_time"
    " end_time source_version lifecycle_stage artifact_uri experiment_id deleted_time",
    "tags": "key value run_uuid",
    "params": "key value run_uuid",
    "metrics": "key value timestamp run_uuid step is_nan",
    "latest_metrics": "key value timestamp step is_nan run_uuid",
    "datasets": "dataset_uuid experiment_id name digest dataset_source_type dataset_source",
    "inputs": "input_uuid source_type source_id destination_type destination_id step",
}


class BulkClient:
    """As much of MLflow's client as the projection calls, with a bulk insert behind it."""

    def __init__(self, path: Path, experiment_id: str) -> None:
        self.tracking_uri = f"sqlite:///{path}"
        self._artifacts = path.parent / "artifacts"
        self._experiment_id = int(experiment_id)
        self._datasets: dict[tuple[str, str], str] = {}
        self._clear()

    def _clear(self) -> None:
        self._runs: dict[str, list[Any]] = {}
        self._pairs: dict[str, dict[tuple[str, str], str]] = {"tags": {}, "params": {}}
        self._metrics: dict[tuple[Any, ...], None] = {}
        self._latest: dict[tuple[str, str], tuple[int, int, float]] = {}
        self._rows: dict[str, list[tuple[Any, ...]]] = {"datasets": [], "inputs": []}

    def search_runs(self, *_: Any) -> Any:
        return type("NoRuns", (list,), {"token": None})()

    def create_run(self, _: str, start: int, tags: dict[str, str], name: str) -> Any:
        id = uuid.uuid4().hex
        before = [id, name, "UNKNOWN", "", "", "unknown", "RUNNING", start, None, "", "active"]
        artifacts = f"{self._artifacts}/{id}/artifacts"
        self._runs[id] = [*before, artifacts, self._experiment_id, None]
        self._pairs["tags"] |= {
            (key, id): value for key, value in {**tags, "mlflow.runName": name}.items()
        }
        return SimpleNamespace(info=SimpleNamespace(run_id=id))

    def log_batch(
        self, id: str, metrics: Sequence[Any] = (), params: Sequence[Any] = (), tags: Any = ()
    ) -> None:
        self._pairs["tags"] |= {(tag.key, id): tag.value for tag in tags}
        self._pairs["params"] |= {(param.key, id): param.value for param in params}
        for metric in metrics:
            row = metric.key, metric.value, metric.timestamp, id, metric.step, False
            self._metrics[row] = None
            newest = metric.step, metric.timestamp, metric.value
            known = self._latest.get((metric.key, id), newest)
            self._latest[metric.key, id] = max(newest, known)

    def log_inputs(self, id: str, datasets: Sequence[Any]) -> None:
        for data in (given.dataset for given in datasets):
            key = data.name, data.digest
            if key not in self._datasets:
                self._datasets[key] = uuid.uuid4().hex
                row = self._datasets[key], self._experiment_id, *key, data.source_type, data.source
                self._rows["datasets"].append(row)
            link = uuid.uuid4().hex, "DATASET", self._datasets[key], "RUN", id, 0
            self._rows["inputs"].append(link)

    def set_terminated(self, id: str, status: str, end: int) -> None:
        self._runs[id][6], self._runs[id][8] = status, end

    def flush(self, store: sqlite3.Connection) -> None:
        """Insert what was collected."""
        latest = ((key, v, t, s, False, id) for (key, id), (s, t, v) in self._latest.items())
        rows: dict[str, Iterable[Sequence[Any]]] = {
            "runs": self._runs.values(),
            **{
                table: ((key, value, id) for (key, id), value in pairs.items())
                for table, pairs in self._pairs.items()
            },
            "metrics": self._metrics,
            "latest_metrics": latest,
            **self._rows,
        }
        for table, of in rows.items():
            columns = COLUMNS[table].split()
            marks = ",".join("?" * len(columns))
            store.executemany(f"INSERT INTO {table} ({','.join(columns)}) VALUES ({marks})", of)
        self._clear()


def trials(seed: int, count: int) -> Iterator[Trial]:
    rng = np.random.default_rng(seed)
    for number in range(count):
        config: Config = {
            "learning_rate": float(rng.uniform(0.01, 0.3)),
            "max_depth": int(rng.integers(3, 11)),
            "n_estimators": int(rng.integers(100, 1001)),
            "subsample": float(rng.uniform(0.5, 1.0)),
        }
        measurements = tuple(
            Measurement(
                step,
                float(rng.uniform(0.6, 0.9)),
                0.02 * step,
                {name: float(rng.uniform()) for name in ("mae", "r2", "loss")},
                {"n_estimators": 30 * step},
            )
            for step in range(1, STEPS + 1)
        )
        yield Trial(number, config, TrialState.COMPLETED, measurements)


def write_journal(folder: Path, seed: int, count: int) -> Study:
    study = Study(
        f"study-{seed}", Task("wine", "trees"), SPACE, Metric("rmse", "min"), seed, "warm"
    )
    events: list[Event] = []
    for trial in trials(seed, count):
        reports = [Measured(trial.id, measurement) for measurement in trial.measurements]
        events += [Started(trial.id, trial.config, "tpe", 0), *reports]
        events.append(Ended(trial.id, trial.state, "", 0.2))
    folder.mkdir()
    journal = Journal.create(folder, study, {})
    journal.append(*events, Finished("done"))
    journal.close()
    return journal.study


def project(folder: Path, uri: str) -> None:
    projection = Projection(folder, uri, EXPERIMENT)
    projection.update(last=True)
    projection.close()


def project_in_bulk(folders: Iterable[Path], path: Path) -> None:
    uri = f"sqlite:///{path}"
    experiment_id = open_experiment(connect(uri), EXPERIMENT, uri)
    client = BulkClient(path, experiment_id)
    module = "tuner.tracking.projection"
    with (
        closing(sqlite3.connect(path)) as store,
        patch(f"{module}.connect", lambda uri: client),
        patch(f"{module}.open_experiment", lambda *_: experiment_id),
    ):
        store.execute("PRAGMA synchronous=OFF")
        for folder in folders:
            project(folder, "in bulk")
            client.flush(store)
        store.commit()
    analyze(uri)


def rows(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What is in a store, but for random ids, times of writing and the folder."""
    with closing(sqlite3.connect(path)) as store:
        ids = {id: f"run {name}" for id, name in store.execute("SELECT run_uuid, name FROM runs")}
        ids |= {id: "data" for (id,) in store.execute("SELECT dataset_uuid FROM datasets")}
        found = {}
        for table, columns in COLUMNS.items():
            kept = columns.replace("input_uuid ", "").replace("artifact_uri ", "").split()
            query = f"SELECT {','.join(kept)} FROM {table}"
            if table == "tags":
                query += " WHERE key != 'warmtune.written'"
            found[table] = sorted(
                (tuple(ids.get(cell, cell) for cell in row) for row in store.execute(query)),
                key=repr,
            )
    return found


def check(folder: Path) -> None:
    """Assert that the bulk insert leaves what MLflow leaves."""
    write_journal(folder / "small", 0, 3)
    (folder / "bulk").mkdir()
    slow, fast = folder / "small.db", folder / "bulk" / "small.db"
    project(folder / "small", f"sqlite:///{slow}")
    project_in_bulk([folder / "small"], fast)
    assert rows(fast) == rows(slow)
    assert len(rows(fast)["metrics"]) > 3 * STEPS


def build(folder: Path, studies: int, count: int) -> Path:
    def journals() -> Iterator[Path]:
        for seed in range(studies):
            with tempfile.TemporaryDirectory(dir=folder) as place:
                write_journal(Path(place) / "run", seed, count)
                yield Path(place) / "run"

    path = folder / "mlflow.db"
    project_in_bulk(journals(), path)
    return path
