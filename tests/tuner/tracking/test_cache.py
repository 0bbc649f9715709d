"""What was read once is not asked for again; a file that is of no use is done without."""

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from meta.study import Trial, TrialState
from tests.tuner.tracking.journals import study, trial_events, write_journal
from tests.tuner.tracking.stored import PARENT, add, files, project, run_of
from tuner.events import Finished
from tuner.tracking import cache as cache_module
from tuner.tracking.cache import Cache, Contents, StoredTrials
from tuner.tracking.reader import PastStudies, read_studies
from tuner.tracking.records import write_record
from tuner.tracking.store import open_experiment


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the runs that MLflow handed out."""
    names: list[str] = []
    search = MlflowClient.search_runs

    def listen(*args: object, **kwargs: object) -> object:
        runs = search(*args, **kwargs)
        names.extend(run.info.run_name for run in runs)
        return runs

    monkeypatch.setattr(MlflowClient, "search_runs", listen)
    return names


# What is asked of MLflow


def test_when_nothing_is_new_no_trial_is_asked_for(
    tmp_path: Path, uri: str, asked: list[str]
) -> None:
    for id in ("a", "b"):
        add(tmp_path, uri, id)
    first = read_studies(uri, "warmtune")
    asked.clear()
    second = read_studies(uri, "warmtune")
    assert asked == [PARENT, PARENT]
    assert second == first
    assert [len(found.trials) for found in second.studies] == [2, 2]
    assert {found.trials[0].value for found in second.studies} == {0.5}


def test_of_a_new_study_among_many_only_its_trials_are_asked_for(
    tmp_path: Path, uri: str, asked: list[str]
) -> None:
    for id in "abcd":
        add(tmp_path, uri, id)
    read_studies(uri, "warmtune")
    add(tmp_path, uri, "e")
    asked.clear()
    assert {found.id for found in read_studies(uri, "warmtune").studies} == set("abcde")
    assert sorted(name for name in asked if name != PARENT) == ["trial 0", "trial 1"]


def test_a_new_study_whose_name_cannot_stand_in_a_condition_is_read_too(
    tmp_path: Path, uri: str, client: MlflowClient, read: Callable[[], PastStudies]
) -> None:
    for id in "abcd":
        add(tmp_path, uri, id)
    read()
    odd = "it's \\ \"odd\" 'or' 1=1"
    tags = {"warmtune.study": odd, "warmtune.metric": "rmse (min)"}
    experiment = open_experiment(client, "warmtune", uri)
    run = client.create_run(experiment, tags={**tags, **write_record(study(odd).to_json())})
    client.set_terminated(run.info.run_id)
    trial = write_record(Trial(7, {}, TrialState.FAILED).to_json())
    client.create_run(experiment, tags={**tags, "warmtune.trial": "7", **trial})
    (found,) = [found for found in read().studies if found.id == odd]
    assert [trial.id for trial in found.trials] == [7]


def test_what_was_refused_is_remembered_with_its_reason(
    tmp_path: Path, uri: str, client: MlflowClient, read: Callable[[], PastStudies]
) -> None:
    add(tmp_path, uri, "a")
    tags = {"warmtune.study": "a", "warmtune.trial": "9", "warmtune.record.0": "{"}
    client.create_run(open_experiment(client, "warmtune", uri), tags=tags)
    first = read()
    assert [refusal.trial_id for refusal in first.refused] == [9]
    assert read() == first


# One machine, many stores and readers


def test_two_experiments_are_kept_apart(tmp_path: Path, uri: str) -> None:
    add(tmp_path, uri, "a")
    write_journal(tmp_path / "other", [*trial_events(0, 0.1), Finished("done")], "a")
    project(tmp_path / "other", uri, "second")
    for _ in range(2):
        for experiment, trials in (("warmtune", 2), ("second", 1)):
            assert len(read_studies(uri, experiment).studies[0].trials) == trials


def test_two_stores_are_kept_apart(tmp_path: Path, store: Path, uri: str) -> None:
    other = tmp_path / "other.db"
    shutil.copy(store, other)
    add(tmp_path, uri, "a")
    write_journal(tmp_path / "there", [*trial_events(0, 0.1), Finished("done")], "a")
    project(tmp_path / "there", f"sqlite:///{other}")
    for _ in range(2):
        assert len(read_studies(uri, "warmtune").studies[0].trials) == 2
        assert len(read_studies(f"sqlite:///{other}", "warmtune").studies[0].trials) == 1


def test_a_store_that_was_made_anew_at_the_same_place_is_read_anew(
    tmp_path: Path, store: Path, uri: str, read: Callable[[], PastStudies]
) -> None:
    new = store.read_bytes()
    add(tmp_path, uri, "a")
    read()
    store.write_bytes(new)
    write_journal(tmp_path / "anew", [*trial_events(0, 0.1), Finished("done")], "a")
    project(tmp_path / "anew", uri)
    assert [len(found.trials) for found in read().studies] == [1]


def test_readers_do_not_disturb_each_other(tmp_path: Path, uri: str) -> None:
    for id in "abc":
        add(tmp_path, uri, id)
    start = threading.Barrier(4)

    def read(_: int) -> list[PastStudies]:
        start.wait()
        return [read_studies(uri, "warmtune") for _ in range(3)]

    with ThreadPoolExecutor(4) as pool:
        results = [past for pasts in pool.map(read, range(4)) for past in pasts]
    assert all(past == results[0] for past in results)
    assert {len(found.trials) for found in results[0].studies} == {2}


# Files that are of no use


def damages() -> Iterator[tuple[str, Callable[[bytes], bytes]]]:
    yield "empty", lambda data: b""
    yield "cut short", lambda data: data[: len(data) // 2]
    yield "garbage", lambda data: os.urandom(len(data))
    yield "of another study", lambda data: b"0" * 64 + data[64:]
    yield "a value changed", lambda data: data.replace(b'"value":0.5', b'"value":0.4')
    yield "the head changed", lambda data: data.replace(b"[2,", b"[3,")


@pytest.mark.parametrize("damage", [of for _, of in damages()], ids=[name for name, _ in damages()])
def test_a_damaged_file_is_replaced(
    tmp_path: Path,
    uri: str,
    home: Path,
    read: Callable[[], PastStudies],
    damage: Callable[[bytes], bytes],
) -> None:
    add(tmp_path, uri, "a")
    first = read()
    (file,) = files(home)
    intact = file.read_bytes()
    assert damage(intact) != intact
    file.write_bytes(damage(intact))
    assert read() == first
    assert file.read_bytes() == intact


def test_a_file_of_another_version_is_replaced(
    tmp_path: Path, uri: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(tmp_path, uri, "a")
    with monkeypatch.context() as patch:
        patch.setattr(cache_module, "VERSION", "0")
        read_studies(uri, "warmtune")
    (old,) = (file.read_bytes() for file in files(home))
    assert len(read_studies(uri, "warmtune").studies[0].trials) == 2
    (new,) = (file.read_bytes() for file in files(home))
    assert new != old


def test_a_folder_that_cannot_be_made_is_done_without(
    tmp_path: Path, uri: str, home: Path, read: Callable[[], PastStudies]
) -> None:
    add(tmp_path, uri, "a")
    home.write_text("a file where the folder should be")
    for _ in range(2):
        assert len(read().studies[0].trials) == 2


def test_a_full_disk_is_no_error(
    tmp_path: Path, uri: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(tmp_path, uri, "a")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache_module, "NamedTemporaryFile", full)
    for _ in range(2):
        assert len(read_studies(uri, "warmtune").studies[0].trials) == 2
    assert files(home) == []


def test_files_of_studies_that_are_gone_are_removed(
    tmp_path: Path, uri: str, client: MlflowClient, home: Path
) -> None:
    for id in ("a", "b"):
        add(tmp_path, uri, id)
    read_studies(uri, "warmtune")
    left_over = files(home)[0].with_name("tmp123")
    left_over.touch()
    client.delete_run(run_of(client, PARENT, "a").info.run_id)
    add(tmp_path, uri, "c")
    read_studies(uri, "warmtune")
    assert len(files(home)) == 2
    assert not left_over.exists()


def test_no_password_and_no_foreign_name_gets_into_a_path(home: Path) -> None:
    cache = Cache("https://ann:secret@host:1", "7")
    cache.write("../../evil\ud800", "stamp", Contents(StoredTrials(b"[]", 0)))
    (file,) = files(home)
    assert set(file.name) <= set("0123456789abcdef")
    assert "secret" not in str(file)
    assert Cache("https://ann:changed@host:1", "7").read("../../evil\ud800", "stamp") is not None


# Trials that are read when they are looked at


def test_stored_trials_are_the_same_as_a_tuple_of_them() -> None:
    trials = (Trial(0, {"x": 0.1}), Trial(1, {"x": True}, TrialState.FAILED, reason="ü\0"))
    stored = StoredTrials.of([json.dumps(trial.to_json()).encode() for trial in trials])
    assert len(stored) == 2
    assert stored == trials
    assert trials == stored
    assert stored == StoredTrials(stored.text, 2)
    assert stored != trials[:1]
    assert stored != 7
    assert (stored[1], stored[-1:], list(stored)) == (trials[1], trials[1:], list(trials))
    assert repr(stored) == repr(trials)
    assert study().with_trials(trials) == study().with_trials(stored)


def test_nothing_is_decoded_until_a_trial_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = StoredTrials(json.dumps([Trial(0, {}).to_json()]).encode(), 1)
    decoded: list[int] = []
    from_json = Trial.from_json

    def listen(data: dict[str, object]) -> Trial:
        decoded.append(1)
        return from_json(data)

    monkeypatch.setattr(Trial, "from_json", listen)
    assert len(stored) == 1
    assert decoded == []
    assert stored[0] == stored[0]
    assert decoded == [1]
