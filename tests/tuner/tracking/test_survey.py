"""A study that changed in MLflow, in whatever way, is never taken from the cache."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from tests.tuner.tracking.journals import ending, eventful, study, trial_events, write_journal
from tests.tuner.tracking.stored import PARENT, add, files, project, run_of
from tuner.events import Finished
from tuner.tracking import reader
from tuner.tracking.cache import Contents
from tuner.tracking.projection import Projection
from tuner.tracking.reader import PastStudies, read_studies
from tuner.tracking.records import write_record


def test_a_study_that_runs_is_read_anew_each_time(
    tmp_path: Path, uri: str, read: Callable[[], PastStudies], home: Path
) -> None:
    journal = write_journal(tmp_path / "a", eventful(), "a")
    projection = Projection(tmp_path / "a", uri, "warmtune")
    projection.update()
    assert [len(found.trials) for found in read().studies] == [4]
    assert files(home) == []
    journal.append(*ending())
    projection.update()
    assert [len(found.trials) for found in read().studies] == [5]
    projection.update(last=True)
    assert read().studies == (journal.study,)
    assert len(files(home)) == 1


def test_a_study_that_was_resumed_is_seen_as_it_is_now(
    tmp_path: Path, uri: str, read: Callable[[], PastStudies]
) -> None:
    journal = write_journal(tmp_path / "a", eventful()[:-3], "a")
    project(tmp_path / "a", uri)
    read()
    journal.append(*trial_events(5, 0.3))
    projection = Projection(tmp_path / "a", uri, "warmtune")
    projection.update()
    assert [len(found.trials) for found in read().studies] == [5]
    journal.append(*trial_events(6, 0.2), Finished("done"))
    projection.update(last=True)
    assert read().studies == (journal.study,)


def test_what_a_later_session_adds_is_seen_though_the_journal_has_no_news(
    tmp_path: Path, uri: str, client: MlflowClient, read: Callable[[], PastStudies]
) -> None:
    add(tmp_path, uri, "a")
    lost = run_of(client, "trial 1", "a").info.run_id
    record = client.get_run(lost).data.tags["warmtune.record.0"]
    client.set_tag(lost, "warmtune.record.0", "{")
    assert [len(found.trials) for found in read().studies] == [1]
    client.set_tag(lost, "warmtune.record.0", record)
    project(tmp_path / "a", uri)
    assert [len(found.trials) for found in read().studies] == [2]


def test_a_deleted_study_is_gone_and_a_restored_one_is_back(
    tmp_path: Path, uri: str, client: MlflowClient, read: Callable[[], PastStudies], home: Path
) -> None:
    for id in ("a", "b"):
        add(tmp_path, uri, id)
    read()
    parent = run_of(client, PARENT, "a").info.run_id
    client.delete_run(parent)
    assert [found.id for found in read().studies] == ["b"]
    client.restore_run(parent)
    assert {found.id for found in read().studies} == {"a", "b"}


def test_a_deleted_trial_is_gone_and_a_restored_one_is_back(
    tmp_path: Path, uri: str, client: MlflowClient, read: Callable[[], PastStudies]
) -> None:
    for id in ("a", "b"):
        add(tmp_path, uri, id)
    whole = read()
    trial = run_of(client, "trial 0", "a").info.run_id
    client.delete_run(trial)
    assert {found.id: len(found.trials) for found in read().studies} == {"a": 1, "b": 2}
    client.restore_run(trial)
    assert read() == whole


def test_an_edited_study_is_seen_as_it_is_now(
    tmp_path: Path, uri: str, client: MlflowClient, read: Callable[[], PastStudies]
) -> None:
    add(tmp_path, uri, "a")
    read()
    run_id = run_of(client, PARENT, "a").info.run_id
    edited = write_record({**study("a").to_json(), "arm": "cold"})
    client.set_tag(run_id, "warmtune.record.0", edited["warmtune.record.0"])
    assert [found.arm for found in read().studies] == ["cold"]


def test_any_edit_of_a_study_makes_its_trials_be_read_again(
    tmp_path: Path, uri: str, client: MlflowClient, read: Callable[[], PastStudies]
) -> None:
    add(tmp_path, uri, "a")
    trial = read().studies[0].trials[0]
    record = write_record(replace(trial, seed=99).to_json())["warmtune.record.0"]
    client.set_tag(run_of(client, "trial 0", "a").info.run_id, "warmtune.record.0", record)
    client.set_tag(run_of(client, PARENT, "a").info.run_id, "mlflow.note.content", "see trial 0")
    assert read().studies[0].trials[0].seed == 99


@pytest.mark.parametrize(("change", "kept"), [("edited", 1), ("deleted", 0)])
def test_what_changes_while_it_is_read_is_not_kept_and_a_deletion_moves_all_pages(
    tmp_path: Path,
    uri: str,
    client: MlflowClient,
    monkeypatch: pytest.MonkeyPatch,
    home: Path,
    change: str,
    kept: int,
) -> None:
    for id in ("a", "b"):
        add(tmp_path, uri, id)
    parent, trial = (run_of(client, name, "a").info.run_id for name in (PARENT, "trial 0"))
    read_trials = reader._read_trials

    def meanwhile(*args: object) -> dict[str, Contents]:
        found = read_trials(*args)  # type: ignore[arg-type]
        if change == "deleted":
            client.delete_run(trial)
        else:
            client.set_tag(parent, "note", "new")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(reader, "_read_trials", meanwhile)
        read_studies(uri, "warmtune")
    assert len(files(home)) == kept
