"""Past studies are read back, or it is said in one line why not."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from meta.study import TrialState
from tests.tuner.tracking.journals import ending, eventful, study, trial_events, write_journal
from tests.tuner.tracking.servers import answering, black_hole, closed_port
from tuner.events import Finished
from tuner.tracking import reader, survey
from tuner.tracking.projection import Projection
from tuner.tracking.reader import PastStudies, read_studies
from tuner.tracking.records import write_record
from tuner.tracking.store import StoreUnavailable, open_experiment

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


def project(directory: Path, uri: str) -> None:
    projection = Projection(directory, uri, "warmtune")
    projection.update(last=True)
    projection.close()


def test_where_no_store_is_yet_there_is_no_past_and_none_is_made(tmp_path: Path) -> None:
    assert read_studies(f"sqlite:///{tmp_path}/new/mlflow.db", "warmtune") == PastStudies()
    assert list(tmp_path.iterdir()) == []


def test_an_experiment_that_does_not_exist_holds_no_past(uri: str) -> None:
    assert read_studies(uri, "other") == PastStudies()


def test_a_deleted_experiment_holds_no_past(uri: str, client: "MlflowClient") -> None:
    client.delete_experiment(open_experiment(client, "warmtune", uri))
    assert read_studies(uri, "warmtune") == PastStudies()


def test_studies_come_newest_first_with_the_time_they_started(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for id, started in (("middle", 2000.0), ("newest", 3000.0), ("oldest", 1000.0)):
        monkeypatch.setattr("tuner.journal.time.time", lambda started=started: started)
        write_journal(tmp_path / id, [*trial_events(0, 0.5), Finished("done")], id)
        project(tmp_path / id, uri)
    past = read_studies(uri, "warmtune")
    assert [study.id for study in past.studies] == ["newest", "middle", "oldest"]
    assert past.started == {"newest": 3000.0, "middle": 2000.0, "oldest": 1000.0}


def test_of_too_many_runs_the_newest_count(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for id, started in (("old", 1000.0), ("new", 2000.0)):
        monkeypatch.setattr("tuner.journal.time.time", lambda started=started: started)
        write_journal(tmp_path / id, [*trial_events(0, 0.5), Finished("done")], id)
        project(tmp_path / id, uri)
    monkeypatch.setattr(survey, "MOST_RUNS", 3)
    assert [past.id for past in read_studies(uri, "warmtune").studies] == ["new"]


def test_of_too_many_runs_to_look_at_those_of_the_newest_studies_count(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for id, started in (("old", 1000.0), ("new", 2000.0)):
        monkeypatch.setattr("tuner.journal.time.time", lambda started=started: started)
        trials = [*trial_events(0, 0.5), *trial_events(1, 0.6)]
        write_journal(tmp_path / id, [*trials, Finished("done")], id)
        project(tmp_path / id, uri)
    monkeypatch.setattr(reader, "MOST_PASSED", 3)
    (found,) = read_studies(uri, "warmtune").studies
    assert (found.id, len(found.trials)) == ("new", 2)


def test_many_pages_are_read(tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = write_journal(tmp_path / "run", [*eventful(), *ending()])
    project(tmp_path / "run", uri)
    monkeypatch.setattr("tuner.tracking.runs.LOCAL_RUNS_PER_PAGE", 2)
    assert read_studies(uri, "warmtune").studies == (journal.study,)


def test_of_a_trial_that_is_there_twice_the_run_in_which_it_ended_counts(
    tmp_path: Path, uri: str, client: "MlflowClient"
) -> None:
    journal = write_journal(tmp_path / "run", [*trial_events(0, 0.5), Finished("done")])
    project(tmp_path / "run", uri)
    running = replace(journal.trials[0], state=TrialState.RUNNING, measurements=())
    tags = {"warmtune.study": "s1", "warmtune.trial": "0", **write_record(running.to_json())}
    for started in (1, 10**13):
        client.create_run(open_experiment(client, "warmtune", uri), started, tags)
    assert read_studies(uri, "warmtune").studies == (journal.study,)


def test_runs_of_somebody_else_are_no_past(uri: str, client: "MlflowClient") -> None:
    client.create_run(open_experiment(client, "warmtune", uri))
    assert read_studies(uri, "warmtune") == PastStudies()


TRIAL = {
    "id": 0,
    "config": {},
    "state": "COMPLETED",
    "measurements": [],
    "reason": "",
    "origin": "",
    "seed": 0,
    "seconds": 0.0,
}


@pytest.mark.parametrize(
    "record",
    [
        "",
        "{",
        "null",
        "[" * 100_000,
        "x" * 8000,
        json.dumps({**TRIAL, "state": "ASLEEP"}),
        json.dumps({**TRIAL, "measurements": [{"step": "one"}]}),
        json.dumps({**TRIAL, "config": {"x": {"$ref": "file:///etc/passwd"}}}),
        json.dumps({**TRIAL, "id": 1e999}),
    ],
)
def test_an_unreadable_trial_is_refused_and_the_others_are_read(
    tmp_path: Path, uri: str, client: "MlflowClient", record: str
) -> None:
    journal = write_journal(tmp_path / "run", [*trial_events(0, 0.5), Finished("done")])
    project(tmp_path / "run", uri)
    tags = {"warmtune.study": "s1", "warmtune.trial": "9", "warmtune.record.0": record}
    client.create_run(open_experiment(client, "warmtune", uri), tags=tags)
    past = read_studies(uri, "warmtune")
    assert past.studies == (journal.study,)
    (refusal,) = past.refused
    assert (refusal.study_id, refusal.trial_id) == ("s1", 9)
    assert refusal.reason.startswith("its record in MLflow is unreadable: ")
    assert len(refusal.reason) <= 200


@pytest.mark.parametrize("change", [{"version": 2}, {"id": "another"}, {"space": {"x": 1}}])
def test_an_unreadable_study_is_refused_and_the_others_are_read(
    tmp_path: Path, uri: str, client: "MlflowClient", change: dict[str, object]
) -> None:
    journal = write_journal(tmp_path / "run", [*trial_events(0, 0.5), Finished("done")])
    project(tmp_path / "run", uri)
    record = write_record({**study("s2").to_json(), **change})
    tags = {"warmtune.study": "s2", "warmtune.metric": "rmse (min)", **record}
    client.create_run(open_experiment(client, "warmtune", uri), tags=tags)
    past = read_studies(uri, "warmtune")
    assert past.studies == (journal.study,)
    assert [(refusal.study_id, refusal.trial_id) for refusal in past.refused] == [("s2", None)]


# A store that cannot be read


def reason_of(uri: str) -> str:
    with pytest.raises(StoreUnavailable) as caught:
        read_studies(uri, "warmtune")
    (line,) = str(caught.value).splitlines()
    return line


def test_a_closed_port_is_said_in_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert "Connection refused" in reason_of(closed_port())
    assert capfd.readouterr() == ("", "")


def test_a_server_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "FIRST_ANSWER_SECONDS", 0.2)
    with black_hole() as uri:
        assert reason_of(uri) == "no answer within 0.2 s"


@pytest.mark.parametrize(("status", "words"), [(500, "500"), (429, "429"), (401, "401")])
def test_a_server_that_refuses_is_said_with_its_status(status: int, words: str) -> None:
    with answering(status) as uri:
        assert words in reason_of(uri)


def test_an_answer_that_is_not_from_mlflow_is_an_error() -> None:
    with answering(200, b"<html>welcome</html>") as uri:
        assert "JSON" in reason_of(uri)


def test_a_server_does_not_send_us_elsewhere() -> None:
    answer = b'{"experiment": {}}'
    with answering(200, answer) as elsewhere, answering(302, location=elsewhere) as uri:
        assert "302" in reason_of(uri)


def test_a_host_without_a_name_is_an_error() -> None:
    assert reason_of("http://no-such-host.invalid:5000")


def test_a_damaged_store_is_an_error(store: Path, uri: str, tmp_path: Path) -> None:
    write_journal(tmp_path / "run", [*eventful(), *ending()])
    project(tmp_path / "run", uri)
    size = store.stat().st_size
    for kept in (0, 50, 4096, size // 4, size // 2, size - 4096):
        copy = tmp_path / f"{kept}.db"
        copy.write_bytes(store.read_bytes()[:kept])
        assert reason_of(f"sqlite:///{copy}")
        assert copy.stat().st_size == kept


def test_a_store_without_permission_to_write_can_be_read(
    store: Path, uri: str, tmp_path: Path
) -> None:
    journal = write_journal(tmp_path / "run", [*eventful(), *ending()])
    project(tmp_path / "run", uri)
    copy = tmp_path / "copy" / "mlflow.db"
    copy.parent.mkdir()
    shutil.copy(store, copy)
    copy.chmod(0o444)
    assert read_studies(f"sqlite:///{copy}", "warmtune").studies == (journal.study,)
