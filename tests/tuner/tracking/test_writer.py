"""Studies from elsewhere are written as those that ran here are, and never twice."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from meta.study import Measurement, Study, Trial, TrialState
from tests.tuner.tracking.journals import study
from tests.tuner.tracking.servers import answering
from tuner.tracking import writer
from tuner.tracking.reader import read_studies
from tuner.tracking.records import NOTE, STUDY, TRIAL
from tuner.tracking.runs import StudyRuns, find_runs
from tuner.tracking.store import StoreUnavailable, open_experiment
from tuner.tracking.writer import write_studies

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

CONFIG: dict[str, Any] = {"rate": 0.1, "rounds": 3, "kind": "a"}


def trial(id: int, value: float = 0.5, state: TrialState = TrialState.COMPLETED) -> Trial:
    measured = (Measurement(1, 0.9, 0.5), Measurement(2, value, 1.5))
    return Trial(id, {**CONFIG, "rounds": id + 1}, state, measured, origin="optuna", seconds=2.0)


WHOLE = study().with_trials(
    (
        trial(0),
        trial(1, state=TrialState.STOPPED),
        replace(trial(2), state=TrialState.FAILED, measurements=(), reason="boom <script>"),
    )
)


def write(uri: str, *studies: Study, replace: bool = True) -> dict[str, int]:
    return write_studies(uri, "warmtune", studies, "x.db", replace)


def stored(uri: str) -> tuple[Study, ...]:
    return read_studies(uri, "warmtune").studies


def runs(client: "MlflowClient", uri: str, **tags: str) -> list[Any]:
    experiment = open_experiment(client, "warmtune", uri)
    found = find_runs(client, experiment, f"tags.`{STUDY}` != ''")
    return [r for r in found if all(r.data.tags.get(k) == v for k, v in tags.items())]


def test_what_is_written_is_read_back_exactly_in_its_order(uri: str) -> None:
    second = replace(WHOLE, id="s2", seed=9)
    assert write(uri, WHOLE, second) == {"s1": 3, "s2": 3}
    assert stored(uri) == (WHOLE, second)


def test_writing_again_adds_nothing(uri: str, client: "MlflowClient") -> None:
    write(uri, WHOLE)
    before = sorted(run.info.run_id for run in runs(client, uri))
    assert write(uri, WHOLE) == {"s1": 0}
    assert write(uri, WHOLE, replace=False) == {"s1": 0}
    assert sorted(run.info.run_id for run in runs(client, uri)) == before


def test_a_reader_of_mlflow_sees_nested_runs_with_metrics_and_where_they_are_from(
    uri: str, client: "MlflowClient"
) -> None:
    write(uri, WHOLE)
    (parent,) = [run for run in runs(client, uri) if TRIAL not in run.data.tags]
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["warmtune.imported"] == "x.db"
    assert "imported from x.db" in parent.data.tags[NOTE]
    (child,) = runs(client, uri, **{TRIAL: "0"})
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert (child.info.status, child.data.metrics) == ("FINISHED", {"rmse": 0.5})
    assert child.data.params == {"rate": "0.1", "rounds": "1", "kind": "a"}
    assert child.info.end_time - child.info.start_time == 2000
    history = client.get_metric_history(child.info.run_id, "rmse")
    assert [m.timestamp - child.info.start_time for m in history] == [500, 1500]


def test_a_study_that_grew_gets_what_is_new(uri: str, client: "MlflowClient") -> None:
    write(uri, WHOLE)
    assert stored(uri) == (WHOLE,)
    grown = WHOLE.with_trials((*WHOLE.trials, trial(3, 0.1)))
    assert write(uri, grown) == {"s1": 1}
    assert stored(uri) == (grown,)
    assert len(runs(client, uri)) == 5


def test_a_study_that_changed_is_replaced(uri: str, client: "MlflowClient") -> None:
    write(uri, WHOLE)
    assert stored(uri) == (WHOLE,)
    changed = replace(WHOLE, features={"rows": 7.0}).with_trials((trial(0, 0.25), trial(5)))
    assert write(uri, changed) == {"s1": 2}
    assert stored(uri) == (changed,)
    assert write(uri, WHOLE) == {"s1": 3}
    assert stored(uri) == (WHOLE,)
    assert len(runs(client, uri)) == 4


def test_without_replace_nothing_that_is_there_changes(uri: str) -> None:
    write(uri, WHOLE)
    other = WHOLE.with_trials((trial(0, 0.125), trial(7)))
    assert write(uri, other, replace=False) == {"s1": 1}
    assert stored(uri) == (WHOLE.with_trials((*WHOLE.trials, trial(7))),)


def test_a_trial_that_somebody_deleted_stays_so_without_replace(
    uri: str, client: "MlflowClient"
) -> None:
    write(uri, WHOLE)
    (run,) = runs(client, uri, **{TRIAL: "1"})
    client.delete_run(run.info.run_id)
    assert write(uri, WHOLE, replace=False) == {"s1": 0}
    assert write(uri, WHOLE) == {"s1": 1}


def test_a_study_that_is_not_over_keeps_its_running_trial(uri: str) -> None:
    running = WHOLE.with_trials((trial(0), replace(trial(1), state=TrialState.RUNNING)))
    assert write(uri, running, replace=False) == {"s1": 2}
    assert stored(uri) == (running,)
    assert write(uri, running, replace=False) == {"s1": 0}


@pytest.mark.parametrize("call", range(9))
@pytest.mark.parametrize("replaces", [True, False])
def test_what_an_interruption_left_is_completed(
    uri: str,
    client: "MlflowClient",
    monkeypatch: pytest.MonkeyPatch,
    call: int,
    replaces: bool,
) -> None:
    calls = iter(range(99))

    def failing(name: str) -> Any:
        original = getattr(StudyRuns, name)

        def attempt(self: StudyRuns, *arguments: Any, **named: Any) -> Any:
            if next(calls) == call:
                raise OSError("killed")
            return original(self, *arguments, **named)

        return attempt

    with monkeypatch.context() as patch:
        for name in ("create", "log", "end"):
            patch.setattr(StudyRuns, name, failing(name))
        with pytest.raises(StoreUnavailable, match="killed"):
            write(uri, WHOLE, replace=replaces)
    write(uri, WHOLE, replace=replaces)
    assert stored(uri) == (WHOLE,)
    assert len(runs(client, uri)) == 4
    assert {run.info.status for run in runs(client, uri)} == {"FINISHED", "FAILED"}
    (child,) = runs(client, uri, **{TRIAL: "0"})
    assert child.data.metrics == {"rmse": 0.5}
    assert write(uri, WHOLE, replace=replaces) == {"s1": 0}


def test_a_study_that_was_deleted_in_mlflow_is_told(uri: str, client: "MlflowClient") -> None:
    write(uri, WHOLE)
    (parent,) = [run for run in runs(client, uri) if TRIAL not in run.data.tags]
    client.delete_run(parent.info.run_id)
    with pytest.raises(StoreUnavailable, match="was deleted in MLflow"):
        write(uri, WHOLE)


def test_a_store_that_refuses_is_told() -> None:
    with answering(500) as uri, pytest.raises(StoreUnavailable, match="500"):
        write(uri, WHOLE)


def test_the_writer_analyzes_the_store(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    analyzed: list[str] = []
    monkeypatch.setattr(writer, "analyze", analyzed.append)
    write(uri, WHOLE)
    assert analyzed == [uri]
