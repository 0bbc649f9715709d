"""Runs that somebody else laid out are read from a store; nothing is written to it."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.tuner.importers.tasks import adopted, brief, trials
from tests.tuner.tracking.servers import answering, closed_port
from tuner.errors import UsageError
from tuner.importers.mlflow_runs import OURS, read_mlflow
from tuner.tracking import foreign
from tuner.tracking.foreign import read_foreign_runs
from tuner.tracking.store import StoreUnavailable

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


def add(
    client: "MlflowClient",
    experiment: str,
    number: int,
    *values: float,
    status: str = "FINISHED",
    **tags: str,
) -> str:
    """A run that began after ``number`` seconds and lasted four."""
    named = {name.replace("_", "."): value for name, value in tags.items()}
    run = str(client.create_run(experiment, 1000 * number, named, f"run {number}").info.run_id)
    client.log_param(run, "optimizer/lr", 0.1 + number / 100)
    client.log_param(run, "note", "<script>")
    for step, value in enumerate(values):
        client.log_metric(run, "val_rmse", value, 1000 * number + 500 * (step + 1), step)
        client.log_metric(run, "loss", value, 1000 * number + 500 * (step + 1), step)
    client.set_terminated(run, status, 1000 * number + 4000)
    return run


@pytest.fixture
def experiment(client: "MlflowClient") -> str:
    return str(client.create_experiment("theirs"))


def test_parameters_curves_states_and_times_are_read(
    uri: str, client: "MlflowClient", experiment: str
) -> None:
    add(client, experiment, 1, 0.5, 0.25)
    add(client, experiment, 2, 0.9, status="FAILED")
    add(client, experiment, 3, 0.8, float("inf"))
    add(client, experiment, 4, 0.7, status="RUNNING")
    client.delete_run(add(client, experiment, 5, 0.1))
    found = read_mlflow(uri, None)
    assert [study.name for study in found.studies] == ["theirs"]
    item = adopted(found)
    assert brief(item) == {
        0: ("COMPLETED", 0.25, 10),
        1: ("FAILED", 0.9, 5),
        2: ("DIVERGED", 0.8, 5),
    }
    assert trials(item)[0].config["learning_rate"] == 0.11
    assert [m.seconds for m in trials(item)[0].measurements] == [0.5, 1.0]
    assert trials(item)[0].seconds == 4.0
    assert item.found is not None
    assert (item.found.metric.theirs, item.found.unused) == ("val_rmse", ("note",))


def test_a_parent_and_its_children_are_a_study_and_the_parent_no_trial(
    uri: str, client: "MlflowClient", experiment: str
) -> None:
    parent = add(client, experiment, 1, 0.1)
    for number in (2, 3):
        add(client, experiment, number, number / 10, mlflow_parentRunId=parent)
    add(client, experiment, 4, 0.4)
    nested, loose = read_mlflow(uri, "theirs").studies
    assert (nested.name, [trial.id for trial in nested.trials]) == ("theirs/run 1", [1, 2])
    assert (loose.name, [trial.id for trial in loose.trials]) == ("theirs", [3])
    assert nested.place != loose.place


def test_what_is_a_record_of_ours_is_refused_with_the_way_to_use_it(
    uri: str, client: "MlflowClient", experiment: str
) -> None:
    add(client, experiment, 1, 0.1, warmtune_study="s1")
    add(client, experiment, 2, 0.1)
    found = read_mlflow(uri, None)
    assert [refusal.reason for refusal in found.refused] == [OURS]
    assert len(found.studies[0].trials) == 1


def test_a_metric_is_fetched_only_when_somebody_looks_and_only_once(
    uri: str, client: "MlflowClient", experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(client, experiment, 1, 0.5)
    _, (run,) = read_foreign_runs(uri, None)
    assert set(run.metrics) == {"val_rmse", "loss"}
    asked: list[str] = []

    def history(self: object, run_id: str, name: str) -> list[object]:
        asked.append(name)
        return []

    monkeypatch.setattr("mlflow.tracking.MlflowClient.get_metric_history", history)
    assert [run.metrics["loss"], run.metrics["loss"]] == [[], []]
    assert asked == ["loss"]
    with pytest.raises(KeyError):
        run.metrics["none"]


def test_a_store_that_goes_away_meanwhile_is_told(
    uri: str, client: "MlflowClient", experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(client, experiment, 1, 0.5)
    _, (run,) = read_foreign_runs(uri, None)

    def away(*_: object) -> None:
        raise OSError("gone")

    monkeypatch.setattr("mlflow.tracking.MlflowClient.get_metric_history", away)
    with pytest.raises(StoreUnavailable, match="gone"):
        run.metrics["loss"]


def test_which_experiment_must_be_clear(uri: str, client: "MlflowClient", experiment: str) -> None:
    with pytest.raises(UsageError, match="no experiment has a run"):
        read_foreign_runs(uri, None)
    add(client, experiment, 1, 0.5)
    assert read_foreign_runs(uri, None)[0] == "theirs"
    add(client, str(client.create_experiment("second")), 1, 0.5)
    with pytest.raises(UsageError, match=r"several experiments \(second, theirs\). Choose with"):
        read_foreign_runs(uri, None)
    with pytest.raises(UsageError, match=r"no experiment 'their' in .* Did you mean theirs\?"):
        read_foreign_runs(uri, "their")


def test_of_too_many_runs_the_newest_count(
    uri: str, client: "MlflowClient", experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        add(client, experiment, number, 0.5)
    monkeypatch.setattr(foreign, "MOST_RUNS", 2)
    assert [run.name for run in read_foreign_runs(uri, None)[1]] == ["run 2", "run 3"]


def test_a_server_that_is_away_or_no_mlflow_is_told() -> None:
    with pytest.raises(StoreUnavailable, match="refused"):
        read_foreign_runs(closed_port(), None)
    with answering(500) as uri, pytest.raises(StoreUnavailable, match="500"):
        read_foreign_runs(uri, None)


def test_a_truncated_store_is_told(store: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.db"
    path.write_bytes(store.read_bytes()[:5000])
    with pytest.raises(StoreUnavailable):
        read_foreign_runs(f"sqlite:///{path}", None)
