"""How a journal looks in MLflow, and that no fault leaves a trace there."""

import time
from os import fsdecode
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from meta.study import Measurement, TrialState
from tests.tuner.tracking.journals import (
    HEADER,
    ending,
    eventful,
    study,
    trial_events,
    write_journal,
)
from tuner.events import Allotted, Ended, FinalFit, Finished, Measured, Started, Used
from tuner.journal import Journal
from tuner.tracking import projection as projection_module
from tuner.tracking.projection import Projection
from tuner.tracking.reader import read_studies
from tuner.tracking.records import WRITTEN
from tuner.usage import Usage

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient


def project(directory: Path, uri: str, last: bool = True) -> Projection:
    projection = Projection(directory, uri, "warmtune")
    projection.update(last)
    return projection


def runs_by_name(client: "MlflowClient", experiment: str = "warmtune") -> "dict[str, Run]":
    found = client.get_experiment_by_name(experiment)
    runs = client.search_runs([found.experiment_id])
    named = {run.info.run_name: run for run in runs}
    assert len(named) == len(runs), "a run is there twice"
    return named


def points(client: "MlflowClient", run: "Run", metric: str) -> list[tuple[int, float]]:
    history = client.get_metric_history(run.info.run_id, metric)
    return [(point.step, point.value) for point in history]


def picture(client: "MlflowClient", experiment: str = "warmtune") -> dict[str, Any]:
    """Everything that can be seen, but for MLflow's own random ids and the time of writing."""
    runs = runs_by_name(client, experiment)
    ids = {run.info.run_id: name for name, run in runs.items()}
    return {
        name: (
            run.info.status,
            run.info.start_time,
            run.info.end_time,
            run.data.params,
            {k: ids.get(v, v) for k, v in run.data.tags.items() if k != WRITTEN},
            {
                metric: [(p.step, p.value, p.timestamp) for p in history]
                for metric in run.data.metrics
                if (history := client.get_metric_history(run.info.run_id, metric))
            },
            [(data.dataset.name, data.dataset.digest) for data in run.inputs.dataset_inputs],
        )
        for name, run in runs.items()
    }


# What is there to see


def test_what_was_used_is_shown_with_its_trial_and_summed_with_its_study(
    tmp_path: Path, uri: str, client: "MlflowClient"
) -> None:
    used = [
        Used(0, Usage(2.0, 1, 2.0, 3.0, 5 * 10**8, 0.5, ("a",), 4 * 10**9, 80.0, mps=True)),
        Used(0, Usage(0.01, 1, 2.0, 1.0, 6 * 10**8, 0.5, ("a",), 3 * 10**9)),
        Used(None, Usage(1.0, 1, 2.0, 1.5, 7 * 10**8)),
    ]
    started, *others = trial_events(0, 0.9)
    given = Allotted(2.0, "auto", 2, gpus=1.0)
    end = Finished("1 trial done")
    journal = write_journal(tmp_path / "run", [given, started, *used[:2], *others, end, used[2]])
    project(journal.path.parent, uri)
    runs = runs_by_name(client)
    trial, whole = (runs[name].data.metrics for name in ("trial 0", "warm 3: wine-trees"))
    assert trial["system/cpu_seconds"] == 4.0
    assert trial["system/cpu_utilization_percentage"] == 75.0
    assert trial["system/system_memory_usage_megabytes"] == 600.0
    assert trial["system/gpu_0_memory_usage_megabytes"] == 4000.0
    assert (trial["system/gpu_0_share"], trial["system/gpu_0_mps"]) == (0.5, 1.0)
    assert whole["system/cpu_seconds"] == 5.5
    assert whole["system/system_memory_usage_megabytes"] == 700.0
    assert whole["system/final_fits_cpu_seconds"] == 1.5
    assert whole["system/gpu_hours"] > 0
    shares = [whole[f"system/{of}_share"] for of in ("search", "final_fits", "orchestration")]
    assert sum(shares) == pytest.approx(1)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return write_journal(tmp_path / "run", [*eventful(), *ending()])


def test_a_study_is_rebuilt_exactly(journal: Journal, uri: str) -> None:
    project(journal.path.parent, uri)
    (rebuilt,) = read_studies(uri, "warmtune").studies
    assert rebuilt == journal.study


def test_a_trial_is_a_child_run_with_its_curve(
    journal: Journal, uri: str, client: "MlflowClient"
) -> None:
    project(journal.path.parent, uri)
    runs = runs_by_name(client)
    parent, child = runs["warm 3: wine-trees"], runs["trial 0"]
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert child.data.params == {"rate": "0.1", "rounds": "10", "kind": "True"}
    assert points(client, child, "rmse") == [(1, 0.9), (2, 0.5)]
    assert points(client, child, "mae") == [(1, 0.3), (2, 0.5 / 3)]
    shown = {key: child.data.tags[f"warmtune.{key}"] for key in ("arm", "task", "state", "origin")}
    assert shown == {"arm": "warm", "task": "wine-trees", "state": "COMPLETED", "origin": "tpe"}


def test_how_a_trial_ended_shows_in_its_status_and_tags(
    journal: Journal, uri: str, client: "MlflowClient"
) -> None:
    project(journal.path.parent, uri)
    runs = runs_by_name(client)
    statuses = [runs[f"trial {number}"].info.status for number in range(5)]
    assert statuses == ["FINISHED", "FINISHED", "FAILED", "FAILED", "FINISHED"]
    assert runs["trial 1"].data.tags["warmtune.state"] == "STOPPED"
    assert runs["trial 2"].data.tags["warmtune.reason"] == "rmse is nan"
    assert "\0" not in runs["trial 3"].data.tags["warmtune.reason"]


def test_a_study_is_a_parent_run_with_its_course_and_outcome(
    journal: Journal, uri: str, client: "MlflowClient"
) -> None:
    project(journal.path.parent, uri)
    parent = runs_by_name(client)["warm 3: wine-trees"]
    assert parent.info.status == "FINISHED"
    assert points(client, parent, "best_rmse") == [(1, 0.5), (5, 0.4)]
    assert parent.data.metrics["test_rmse"] == 0.45
    assert parent.data.tags["warmtune.best_trial"] == "4"
    assert parent.data.tags["warmtune.finished"] == "5 trials done"
    assert "best rmse **0.4** (trial 4, tpe)" in parent.data.tags["mlflow.note.content"]
    assert parent.data.params["budget.trials"] == "5"
    (data,) = parent.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("wine", "f00d")


def test_the_test_value_that_is_shown_is_the_mean_over_the_seeds(
    tmp_path: Path, uri: str, client: "MlflowClient"
) -> None:
    second = FinalFit({"rate": 0.5, "rounds": 2, "kind": True}, 0.55, {"mae": 0.4}, 1.0, 4)
    write_journal(tmp_path / "run", [*eventful(), *ending(), second])
    project(tmp_path / "run", uri)
    parent = runs_by_name(client)["warm 3: wine-trees"]
    assert parent.data.metrics["test_rmse"] == pytest.approx(0.5)
    assert parent.data.metrics["test_mae"] == pytest.approx(0.3)


def test_what_a_study_leaves_open_is_no_parameter(
    journal: Journal, uri: str, client: "MlflowClient"
) -> None:
    project(journal.path.parent, uri)
    params = runs_by_name(client)["warm 3: wine-trees"].data.params
    assert params
    assert "None" not in params.values()


def test_times_are_those_of_the_journal(
    tmp_path: Path, uri: str, client: "MlflowClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(1000, 2000, 10))
    monkeypatch.setattr("tuner.journal.time.time", lambda: float(next(clock)))
    write_journal(tmp_path / "run", [*trial_events(0, 0.5), Finished("done")])
    monkeypatch.undo()
    project(tmp_path / "run", uri)
    runs = runs_by_name(client)
    child, parent = runs["trial 0"].info, runs["warm 3: wine-trees"].info
    (point,) = client.get_metric_history(child.run_id, "rmse")
    assert (child.start_time, point.timestamp, child.end_time) == (1_000_000, 1_010_000, 1_020_000)
    assert (parent.start_time, parent.end_time) == (1_000_000, 1_030_000)


def test_a_password_in_the_configuration_is_not_shown(
    journal: Journal, uri: str, client: "MlflowClient"
) -> None:
    project(journal.path.parent, uri)
    assert "secret" not in str(picture(client))
    parent = runs_by_name(client)["warm 3: wine-trees"]
    assert parent.data.params["tracking.uri"] == "http://ann:***@host:1"


def test_a_long_trial_is_written_whole(tmp_path: Path, uri: str, client: "MlflowClient") -> None:
    journal = write_journal(tmp_path / "run", [])
    journal.append(*trial_events(0, *(1 / step for step in range(1, 701))), Finished("done"))
    project(tmp_path / "run", uri)
    run = runs_by_name(client)["trial 0"]
    assert len(points(client, run, "rmse")) == len(points(client, run, "mae")) == 700
    assert read_studies(uri, "warmtune").studies == (journal.study,)


def test_a_name_that_mlflow_does_not_take_is_written_differently(
    tmp_path: Path, uri: str, client: "MlflowClient"
) -> None:
    odd = Measurement(1, 0.5, 0.1, {"loss%": 0.25, "x" * 300: 1.0})
    start, _, end = trial_events(0, 0.5)
    journal = write_journal(tmp_path / "run", [start, Measured(0, odd), end])
    assert project(tmp_path / "run", uri).refused == {}
    assert runs_by_name(client)["trial 0"].data.metrics["loss_"] == 0.25
    assert read_studies(uri, "warmtune").studies == (journal.study,)


def test_a_text_that_is_not_unicode_is_written_escaped(
    tmp_path: Path, uri: str, client: "MlflowClient"
) -> None:
    folder = fsdecode(b"/work \xff")  # what Python makes of a folder of an older encoding
    journal = Journal.create(tmp_path, study(), {**HEADER, "folder": folder})
    journal.append(*trial_events(0, 0.5), Finished(f"stopped in {folder}"))
    project(tmp_path, uri)
    parent = runs_by_name(client)["warm 3: wine-trees"]
    assert parent.data.tags["warmtune.folder"] == "/work \\udcff"
    assert "stopped in /work \\udcff" in parent.data.tags["mlflow.note.content"]
    assert read_studies(uri, "warmtune").studies == (journal.study,)


def test_a_study_without_a_completed_trial_failed(
    tmp_path: Path, uri: str, client: "MlflowClient"
) -> None:
    failed = trial_events(0, end=Ended(0, TrialState.FAILED, "no", 0.1))
    write_journal(tmp_path / "run", [*failed, Finished("5 failures in a row")])
    project(tmp_path / "run", uri)
    assert runs_by_name(client)["warm 3: wine-trees"].info.status == "FAILED"


# Running and interrupted studies


def test_a_running_trial_is_shown_at_a_heartbeat_and_ends_in_the_same_run(
    tmp_path: Path, uri: str, client: "MlflowClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projection_module, "HEARTBEAT_SECONDS", 0.0)
    journal = write_journal(tmp_path / "run", eventful())
    projection = project(tmp_path / "run", uri, last=False)
    running = runs_by_name(client)["trial 4"]
    assert (running.info.status, running.data.metrics["rmse"]) == ("RUNNING", 0.4)
    journal.append(Measured(4, Measurement(3, 0.3, 1.0)), *ending())
    projection.update(last=True)
    ended = runs_by_name(client)["trial 4"]
    assert (ended.info.run_id, ended.info.status) == (running.info.run_id, "FINISHED")
    assert points(client, ended, "rmse") == [(1, 0.6), (2, 0.4), (3, 0.3)]


def test_a_running_trial_is_written_no_more_often_than_at_heartbeats(
    tmp_path: Path, uri: str, client: "MlflowClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    clock = SimpleNamespace(monotonic=lambda: now, time=lambda: time.time() + 3600)
    monkeypatch.setattr(projection_module, "time", clock)
    journal = write_journal(tmp_path / "run", trial_events(0, 0.5)[:-1])
    projection = project(tmp_path / "run", uri, last=False)
    steps = []
    for now in (2.0, 6.0, 8.0, 12.0):
        journal.append(Measured(0, Measurement(journal.trials[0].step + 1, now, now)))
        projection.update()
        child = runs_by_name(client).get("trial 0")
        steps.append(len(points(client, child, "rmse")) if child else 0)
    assert steps == [0, 3, 3, 5]


def test_a_short_trial_is_written_once_when_it_ends(
    tmp_path: Path, uri: str, client: "MlflowClient"
) -> None:
    write_journal(tmp_path / "run", eventful())
    project(tmp_path / "run", uri, last=False)
    assert set(runs_by_name(client)) == {"warm 3: wine-trees", *(f"trial {n}" for n in range(4))}


def test_an_interrupted_study_leaves_no_run_running_and_is_read_with_its_trials(
    tmp_path: Path, uri: str, client: "MlflowClient"
) -> None:
    journal = write_journal(tmp_path / "run", eventful())
    project(tmp_path / "run", uri)
    runs = runs_by_name(client)
    assert {runs[name].info.status for name in ("warm 3: wine-trees", "trial 4")} == {"KILLED"}
    assert read_studies(uri, "warmtune").studies == (journal.study,)


@pytest.mark.parametrize("interrupted_orderly", [True, False])
def test_a_resumed_study_goes_on_in_the_same_runs(
    tmp_path: Path,
    uri: str,
    client: "MlflowClient",
    monkeypatch: pytest.MonkeyPatch,
    interrupted_orderly: bool,
) -> None:
    monkeypatch.setattr(projection_module, "HEARTBEAT_SECONDS", 0.0)
    journal = write_journal(tmp_path / "run", eventful())
    project(tmp_path / "run", uri, last=interrupted_orderly)
    before = {name: run.info.run_id for name, run in runs_by_name(client).items()}
    journal.append(Started(4, journal.trials[4].config, "tpe", 7**4))
    resumed = project(tmp_path / "run", uri, last=False)
    assert runs_by_name(client)["trial 4"].info.status == "RUNNING"
    assert runs_by_name(client)["warm 3: wine-trees"].info.status == "RUNNING"
    journal.append(*ending())
    resumed.update(last=True)
    runs = runs_by_name(client)
    assert {name: run.info.run_id for name, run in runs.items()} == before
    assert {run.info.status for run in runs.values()} == {"FINISHED", "FAILED"}
    assert read_studies(uri, "warmtune").studies == (journal.study,)


def test_projecting_again_changes_nothing(
    journal: Journal, uri: str, client: "MlflowClient"
) -> None:
    project(journal.path.parent, uri)
    before = picture(client)
    project(journal.path.parent, uri)
    assert picture(client) == before
