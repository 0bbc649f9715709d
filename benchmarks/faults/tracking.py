"""Trouble with the MLflow store, without Ray."""

import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from benchmarks.faults.journal import Figures
from meta.study import Metric, Task
from tests.sources import ROOT
from tests.tuner.tracking.journals import SPACE, trial_events, write_journal
from tests.tuner.tracking.servers import answering, black_hole, closed_port
from tests.tuner.tracking.test_postgresql import WRITE
from tests.tuner.tracking.test_projection import project
from tests.tuner.tracking.test_projection_faults import Flaky, project_in_spite
from tuner.config import RunOptions, StudyConfig, Tracking, WarmStart
from tuner.events import Event, Finished
from tuner.past import Past, read_past
from tuner.tracking import Projector, projection, projector, read_studies
from tuner.tracking.store import connect

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

WRITERS = 4
TRIALS = 25


def _study_of(trials: int) -> list[Event]:
    reports = (trial_events(n, 1 / (n + 1), 1 / (n + 2)) for n in range(trials))
    return [*(event for events in reports for event in events), Finished("done")]


def _store(folder: Path, trials: int = 5) -> str:
    """A store with one study, read once so that MLflow's imports count in no figure."""
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    write_journal(folder / "run", _study_of(trials))
    project(folder / "run", uri).close()
    _read(uri)
    return uri


def _read(uri: str) -> tuple[Past, float]:
    """What a new study learns from a store, and the seconds that this took."""
    config = StudyConfig(
        Task("wine", "trees"),
        "toy",
        Metric("rmse", "min", low=0.0),
        SPACE,
        warm_start=WarmStart(starter=False),
        tracking=Tracking(uri),
    )
    began = time.monotonic()
    past = read_past(config, RunOptions())
    return past, time.monotonic() - began


def store_away(folder: Path) -> Figures:
    with black_hole() as silent:
        return _added(folder, {"its port is closed": closed_port(), "it never answers": silent})


def store_spoiled(folder: Path) -> Figures:
    """Cut short, locked by another program, and of another version of MLflow."""
    whole = Path(_store(folder / "whole").removeprefix("sqlite:///")).read_bytes()
    spoiled = {name: folder / f"{name}.db" for name in ("cut", "locked", "older")}
    spoiled["cut"].write_bytes(whole[: len(whole) // 2])
    for name in ("locked", "older"):
        spoiled[name].write_bytes(whole)
    with closing(sqlite3.connect(spoiled["older"])) as store, store:
        store.execute("UPDATE alembic_version SET version_num = 'abc'")
    before = spoiled["older"].read_bytes()
    with closing(sqlite3.connect(spoiled["locked"])) as other:
        other.execute("BEGIN EXCLUSIVE")
        figures = _added(
            folder,
            {f"it is {name}": f"sqlite:///{path}" for name, path in spoiled.items()},
        )
    return {**figures, "migrated by us": spoiled["older"].read_bytes() != before}


def _added(folder: Path, stores: dict[str, str]) -> Figures:
    """Seconds that reading takes longer than from a store that is well, and who was told of."""
    _, well = _read(_store(folder / "well"))
    figures: Figures = {}
    told = 0
    for name, uri in stores.items():
        past, seconds = _read(uri)
        told += len(past.unavailable) == 1 and past.prior is None
        figures[f"s added if {name}"] = round(max(0.0, seconds - well), 2)
    return {**figures, "said and begun without": f"{told} of {len(stores)}"}


@contextmanager
def _impatient() -> Iterator[None]:
    with patch.object(projector, "POLL_SECONDS", 0.01), patch.object(projector, "LAST_TRIES", 1):
        yield


def store_fails(folder: Path) -> Figures:
    """Down while a study runs, then back; and answering 429 and 500 until its end."""
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    attempts = 0
    back = False

    def unless_down(uri: str) -> "MlflowClient":
        nonlocal attempts
        attempts += 1
        if not back:
            raise ConnectionError("down")
        return connect(uri)

    with _impatient(), patch.object(projection, "connect", unless_down):
        beside = Projector(folder / "run", uri, "warmtune")
        journal = write_journal(folder / "run", [])
        beside.start()
        for event in _study_of(TRIALS):
            journal.append(event)
        while attempts < 3:
            time.sleep(0.01)
        back = True
        assert beside.finish(60)
    told = 0
    for status in (429, 500):
        with answering(status) as address, _impatient():
            failing = Projector(folder / "run", address, "warmtune")
            failing.start()
            told += not failing.finish(60) and str(status) in (failing.problem or "")
    project(folder / "run", uri).close()
    (found,) = read_studies(uri, "warmtune").studies
    return {
        "events that waited": len(_study_of(TRIALS)),
        "trials lost": TRIALS - len(found.trials),
        "runs there twice": _twice(connect(uri), "warmtune")[0],
        "429 and 500 told at the end": f"{told} of 2",
    }


def answers_lost(folder: Path) -> Figures:
    """The answer to each call in turn is lost; the driver goes on, or starts anew."""
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    write_journal(folder / "run", _study_of(3))
    client = connect(uri)
    lost, runs, points = 0, 0, 0
    for restart in (False, True):
        for n in range(1, 100):
            flaky, experiment = Flaky(client, n, after=True), f"{restart} {n}"
            with patch.object(projection, "connect", lambda _, flaky=flaky: flaky):
                project_in_spite(folder / "run", uri, experiment, restart)
            if flaky.calls < n:
                break
            lost += 1
            twice = _twice(client, experiment)
            runs, points = runs + twice[0], points + twice[1]
    return {"answers lost": lost, "runs there twice": runs, "points there twice": points}


def _twice(client: "MlflowClient", experiment: str) -> tuple[int, int]:
    """How many runs and points of metrics are there once too often."""
    found: Any = client.get_experiment_by_name(experiment)
    runs = client.search_runs([found.experiment_id])
    names = Counter(run.info.run_name for run in runs)
    steps = Counter(
        (run.info.run_id, metric, point.step)
        for run in runs
        for metric in run.data.metrics
        for point in client.get_metric_history(run.info.run_id, metric)
    )
    return names.total() - len(names), steps.total() - len(steps)


def writers(folder: Path) -> Figures:
    """Four processes write a study each into one store at the same time."""
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    connect(uri)
    for n in range(WRITERS):
        write_journal(folder / str(n), _study_of(TRIALS), str(n))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    began = time.monotonic()
    running = [
        subprocess.Popen([sys.executable, "-c", WRITE, str(folder / str(n)), uri], env=environment)
        for n in range(WRITERS)
    ]
    failed = sum(process.wait(300) != 0 for process in running)
    seconds = time.monotonic() - began
    trials = sum(len(study.trials) for study in read_studies(uri, "many").studies)
    return {
        "processes": WRITERS,
        "failed": failed,
        "trials lost": WRITERS * TRIALS - trials,
        "runs there twice": _runs_twice(uri, "many"),
        "trials written a second": round(trials / seconds, 1),
    }


def _runs_twice(uri: str, experiment: str) -> int:
    client = connect(uri)
    found: Any = client.get_experiment_by_name(experiment)
    runs = client.search_runs([found.experiment_id])
    seen = {(run.data.tags.get("warmtune.study"), run.info.run_name) for run in runs}
    return len(runs) - len(seen)
