"""No fault of a call, and nothing that somebody does in MLflow, leaves a wrong trace there."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from meta.study import TrialState
from tests.tuner.tracking.journals import ending, eventful, study, trial_events, write_journal
from tests.tuner.tracking.test_projection import picture, project, runs_by_name
from tuner.events import Ended, Finished
from tuner.journal import Journal
from tuner.tracking import projection as projection_module
from tuner.tracking.projection import Projection
from tuner.tracking.reader import read_studies
from tuner.tracking.store import StoreUnavailable

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return write_journal(tmp_path / "run", [*eventful(), *ending()])


class Fault(Exception):
    """What a call raises instead of answering."""


class Flaky:
    """A client of which call ``n`` fails, before or after it took effect."""

    def __init__(self, client: "MlflowClient", n: int, after: bool) -> None:
        self._client, self._n, self._after = client, n, after
        self.tracking_uri = client.tracking_uri
        self.calls = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.calls == self._n and not self._after:
                raise Fault
            answer = getattr(self._client, name)(*args, **kwargs)
            if self.calls == self._n:
                raise Fault
            return answer

        return call


def project_in_spite(directory: Path, uri: str, experiment: str, restart: bool) -> None:
    """Project until nothing fails; with ``restart`` as if the process had died of the fault."""
    projection = Projection(directory, uri, experiment)
    for _ in range(3):
        try:
            projection.update()
            projection.update(last=True)
            return
        except Fault:
            if restart:
                projection = Projection(directory, uri, experiment)
    raise AssertionError("it did not recover")


@pytest.mark.parametrize("restart", [False, True], ids=["goes on", "restarts"])
@pytest.mark.parametrize("after", [False, True], ids=["fails", "loses its answer"])
def test_a_fault_at_any_call_leaves_no_trace(
    tmp_path: Path,
    uri: str,
    client: "MlflowClient",
    monkeypatch: pytest.MonkeyPatch,
    after: bool,
    restart: bool,
) -> None:
    directory = tmp_path / "run"
    failed = trial_events(1, 0.7, end=Ended(1, TrialState.FAILED, "no", 0.1))
    write_journal(directory, [*trial_events(0, 0.5, 0.4), *failed, Finished("done")])
    project(directory, uri)
    expected = picture(client)
    for n in range(1, 100):
        flaky = Flaky(client, n, after)
        monkeypatch.setattr(projection_module, "connect", lambda uri, flaky=flaky: flaky)
        project_in_spite(directory, uri, f"experiment {n}", restart)
        assert picture(client, f"experiment {n}") == expected, f"call {n}"
        if flaky.calls < n:
            break
    assert n > 14


@pytest.mark.parametrize("last", [True, False], ids=["ended", "still running"])
def test_a_run_that_was_made_twice_is_deleted_and_the_complete_one_stays(
    journal: Journal, uri: str, client: "MlflowClient", last: bool
) -> None:
    project(journal.path.parent, uri, last)
    before = picture(client)
    for run in (runs_by_name(client)["trial 0"], runs_by_name(client)["warm 3: wine-trees"]):
        tags = {key: value for key, value in run.data.tags.items() if key != "mlflow.runName"}
        later = run.info.start_time + 1
        client.create_run(run.info.experiment_id, later, tags, run.info.run_name)
    project(journal.path.parent, uri, last)
    assert picture(client) == before


def test_a_trial_that_somebody_deleted_is_not_sent_again(
    journal: Journal, uri: str, client: "MlflowClient"
) -> None:
    project(journal.path.parent, uri)
    client.delete_run(runs_by_name(client)["trial 3"].info.run_id)
    project(journal.path.parent, uri)
    assert "trial 3" not in runs_by_name(client)
    (rebuilt,) = read_studies(uri, "warmtune").studies
    assert [trial.id for trial in rebuilt.trials] == [0, 1, 2, 4]


def test_a_running_trial_that_somebody_deleted_is_no_problem(
    tmp_path: Path, uri: str, client: "MlflowClient"
) -> None:
    journal = write_journal(tmp_path / "run", eventful())
    project(tmp_path / "run", uri)
    client.delete_run(runs_by_name(client)["trial 4"].info.run_id)
    journal.append(*ending())
    assert project(tmp_path / "run", uri).refused == {}


def test_a_study_that_somebody_deleted_is_left_alone(
    journal: Journal, uri: str, client: "MlflowClient"
) -> None:
    project(journal.path.parent, uri)
    client.delete_run(runs_by_name(client)["warm 3: wine-trees"].info.run_id)
    with pytest.raises(StoreUnavailable, match="was deleted in MLflow"):
        project(journal.path.parent, uri)
    assert read_studies(uri, "warmtune").studies == ()


def test_a_trial_that_mlflow_refuses_does_not_hold_up_the_others(
    tmp_path: Path, uri: str, client: "MlflowClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projection_module, "HEARTBEAT_SECONDS", 0.0)
    journal = write_journal(tmp_path / "run", [*trial_events(0, 0.5), *trial_events(1, 0.6)[:-1]])
    projection = project(tmp_path / "run", uri, last=False)
    client.delete_run(runs_by_name(client)["trial 1"].info.run_id)
    journal.append(Ended(1, TrialState.COMPLETED), *trial_events(2, 0.7), Finished("done"))
    projection.update(last=True)
    assert list(projection.refused) == [1]
    assert "trial 1: The run" in projection.refused[1]
    assert runs_by_name(client)["trial 2"].info.status == "FINISHED"


def test_two_studies_in_one_store_stay_apart(tmp_path: Path, uri: str) -> None:
    first = write_journal(tmp_path / "a", [*trial_events(0, 0.5), Finished("done")], "a")
    second = write_journal(tmp_path / "b", [*trial_events(0, 0.6), Finished("done")], "b")
    project(tmp_path / "b", uri)
    project(tmp_path / "a", uri)
    found = read_studies(uri, "warmtune").studies
    assert sorted(found, key=lambda past: past.id) == [first.study, second.study]
    assert found[0].metric == study().metric
