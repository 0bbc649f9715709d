"""A legacy folder of runs, as MLflow itself writes it when it is allowed to."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from meta.history import Refusal
from tests.tuner.importers.tasks import adopted, brief, trials
from tuner.errors import UsageError
from tuner.importers.mlflow_folder import read_folder
from tuner.importers.mlflow_runs import read_mlflow

WRITE = """
import sys
from mlflow.tracking import MlflowClient

client = MlflowClient(sys.argv[1])
experiment = client.create_experiment("old: no")
empty = client.create_experiment("empty")


def run(number, status="FINISHED", parent=None, rmse=()):
    tags = {"mlflow.parentRunId": parent} if parent else {}
    run = client.create_run(experiment, 1000 * number, tags, f"run {number}").info.run_id
    client.log_param(run, "model/lr", 0.1 + number / 100)
    client.log_param(run, "depth", number)
    for step, value in enumerate(rmse):
        client.log_metric(run, "val/rmse", value, 1000 * number + 500 * (step + 1), step)
    if status:
        client.set_terminated(run, status, 1000 * number + 4000)
    return run


run(1, rmse=[0.5, 0.25])
run(2, "FAILED", rmse=[0.9])
run(3, "KILLED", rmse=[0.9])
run(4, None, rmse=[0.1])
client.delete_run(run(5, rmse=[0.1]))
parent = run(6)
run(7, parent=parent, rmse=[float("inf")])
run(8, parent=parent, rmse=[0.75])
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("old") / "mlruns"
    settings = {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
    subprocess.run(
        [sys.executable, "-c", WRITE, folder.as_uri()],
        env={**os.environ, **settings},
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(written, tmp_path / "mlruns"))


def first_run(folder: Path) -> Path:
    names = folder.glob("*/*/tags/mlflow.runName")
    return next(path for path in names if path.read_text() == "run 1").parents[1]


def test_the_runs_of_an_experiment_are_trials(written: Path) -> None:
    found = read_mlflow(str(written), None)
    loose, nested = found.studies
    assert (loose.name, nested.name) == ("old: no", "old: no/run 6")
    item = adopted(found)
    assert brief(item) == {
        0: ("COMPLETED", 0.25, 10),
        1: ("FAILED", 0.9, 5),
        2: ("STOPPED", 0.9, 5),
    }
    first = trials(item)[0]
    assert (first.config["learning_rate"], first.config["max_depth"]) == (0.11, 1)
    assert [m.seconds for m in first.measurements] == [0.5, 1.0]
    assert first.seconds == 4.0
    assert [(r.trial_id, r.reason) for r in item.refused] == [(3, "has not ended")]


def test_the_children_of_a_run_are_a_study(written: Path) -> None:
    found = read_mlflow(str(written), "old: no")
    item = adopted(found._replace(studies=found.studies[1:]))
    assert {state for state, _, _ in brief(item).values()} == {"DIVERGED", "COMPLETED"}


def test_nothing_is_written(written: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in written.rglob("*")}
    read_mlflow(str(written), None)
    assert {path: path.stat().st_mtime_ns for path in written.rglob("*")} == before


@pytest.mark.parametrize(
    ("experiment", "words"),
    [("old", "no experiment 'old' in"), ("olt: no", "Did you mean old: no?")],
)
def test_an_experiment_that_is_not_there_is_told(
    written: Path, experiment: str, words: str
) -> None:
    with pytest.raises(UsageError, match="--experiment: ") as caught:
        read_folder(written, experiment, [])
    assert words in str(caught.value)


def test_of_several_experiments_one_must_be_chosen(folder: Path) -> None:
    other = folder / "1" / "a"
    other.mkdir(parents=True)
    (folder / "1" / "meta.yaml").write_text("name: second\n")
    (other / "meta.yaml").write_text("run_name: x\nstatus: 3\nstart_time: 1\nend_time: 2\n")
    with pytest.raises(UsageError, match=r"several experiments \(second, old: no\). Choose with"):
        read_folder(folder, None, [])


def test_a_folder_without_runs_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no experiment has a run"):
        read_folder(tmp_path, None, [])


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("metrics/val/rmse", b"garbage", "metric rmse:1: 'garbage'"),
        ("metrics/val/rmse", b"1 2 3\n4 x 5\n", "metric rmse:2: '4 x 5'"),
        ("metrics/val/rmse", b"\xff\xfe", "can't decode byte"),
        ("meta.yaml", b"!!python/object:os.system {}", "tags are not allowed here"),
        ("meta.yaml", b"\xff\xfe", "not a text config"),
        ("meta.yaml", b"a: [", "meta.yaml:1:5: while parsing"),
    ],
)
def test_a_damaged_run_is_refused_and_the_others_are_read(
    folder: Path, file: str, content: bytes, words: str
) -> None:
    path = first_run(folder) / file
    path.write_bytes(content)
    refused: list[Refusal] = []
    _, runs = read_folder(folder, None, refused)
    assert len(runs) == 6
    assert words in refused[0].reason


def test_a_metric_of_an_old_version_without_steps_is_read(folder: Path) -> None:
    path = first_run(folder) / "metrics/val/rmse"
    path.write_text("1500 0.125\n")
    _, runs = read_folder(folder, None, [])
    assert [(0, 0.125, 1.5)] in [run.metrics["val/rmse"] for run in runs if run.metrics]
