"""The thread beside the study: catches up, gives up, disturbs nobody."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.tuner.tracking.journals import ending, eventful, write_journal
from tests.tuner.tracking.servers import answering, black_hole, closed_port
from tuner.tracking import projection as projection_module
from tuner.tracking import projector as projector_module
from tuner.tracking.projector import Projector
from tuner.tracking.reader import read_studies

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projector_module, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(projector_module, "LAST_TRIES", 1)


def test_what_is_appended_while_it_runs_reaches_mlflow(tmp_path: Path, uri: str) -> None:
    journal = write_journal(tmp_path / "run", [])
    projector = Projector(tmp_path / "run", uri, "warmtune")
    projector.start()
    for event in [*eventful(), *ending()]:
        journal.append(event)
    assert projector.finish(60)
    assert projector.problem is None
    assert read_studies(uri, "warmtune").studies == (journal.study,)


def test_a_store_that_comes_back_is_caught_up_with(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = []
    connect = projection_module.connect

    def down_three_times(uri: str) -> "MlflowClient":
        attempts.append(uri)
        if len(attempts) <= 3:
            raise ConnectionError("down")
        return connect(uri)

    monkeypatch.setattr(projection_module, "connect", down_three_times)
    journal = write_journal(tmp_path / "run", [*eventful(), *ending()])
    projector = Projector(tmp_path / "run", uri, "warmtune")
    projector.start()
    while len(attempts) < 4:
        pass
    assert projector.finish(60)
    assert projector.problem is None
    assert read_studies(uri, "warmtune").studies == (journal.study,)


def finish_with_problem(directory: Path, uri: str, seconds: float = 60) -> str:
    write_journal(directory, [*eventful(), *ending()])
    projector = Projector(directory, uri, "warmtune")
    projector.start()
    assert not projector.finish(seconds)
    assert projector.problem is not None
    return projector.problem


def test_a_server_that_is_down_is_said_at_the_end_with_the_way_out(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    uri = closed_port()
    problem = finish_with_problem(tmp_path / "run", uri)
    assert problem.startswith(f"{uri} is behind: ")
    assert "Connection refused" in problem
    assert problem.endswith(f"`tuner resume {tmp_path / 'run'}` sends what is missing")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("status", [429, 500])
def test_a_server_that_fails_is_said_with_its_status(tmp_path: Path, status: int) -> None:
    with answering(status) as uri:
        assert str(status) in finish_with_problem(tmp_path / "run", uri)


def test_a_server_that_never_answers_is_not_waited_for(tmp_path: Path) -> None:
    with black_hole() as uri:
        problem = finish_with_problem(tmp_path / "run", uri, seconds=0.3)
    assert "not done within 0.3 s" in problem


def test_a_password_in_the_address_is_not_shown(tmp_path: Path) -> None:
    uri = closed_port().replace("//", "//ann:secret@")
    assert "secret" not in finish_with_problem(tmp_path / "run", uri)


def test_a_damaged_store_is_a_problem_and_no_more(tmp_path: Path, store: Path, uri: str) -> None:
    store.write_bytes(b"not a database, " * 100)
    assert "file is not a database" in finish_with_problem(tmp_path / "run", uri)


def test_a_journal_that_is_gone_is_a_problem_and_no_more(tmp_path: Path, uri: str) -> None:
    projector = Projector(tmp_path / "gone", uri, "warmtune")
    projector.start()
    assert not projector.finish(60)
    assert projector.problem is not None
    assert "unable to open database file" in projector.problem
