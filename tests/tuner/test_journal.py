"""The journal: what it acknowledged is there, whatever happens to the process or the file."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from meta.space import Float, SearchSpace
from meta.study import Measurement, Metric, Study, Task, Trial, TrialState
from tuner.errors import EnvironmentFault, RunDirectoryError
from tuner.events import Ended, Event, FinalFit, Finished, Measured, Started, fold
from tuner.final_result import FinalResult
from tuner.journal import Journal
from tuner.journal_file import FILE_NAME, connect_readonly, read_entries, read_header

STUDY = Study(
    "s1",
    Task("wine", "trees"),
    SearchSpace({"x": Float(0.0, 1.0)}),
    Metric("rmse", "min", low=0.0),
    3,
    "warm",
    features={"rows": 10.0},
    fingerprint="f00d",
)
HEADER: dict[str, Any] = {
    "config": {"final": {"seeds": 3}},
    "past": {"points": [], "sources": [], "refused": {}},
    "folder": "",
    "versions": {"ray": "2.60"},
}


def measured(trial: int, step: int, value: float = 0.5) -> Measured:
    return Measured(trial, Measurement(step, value, step / 10, {"mae": 0.1}, {"x": 0.25}))


def trial_events(trial: int, steps: int = 3) -> list[Event]:
    reports = [measured(trial, step, 1 / (trial + step)) for step in range(1, steps + 1)]
    end = Ended(trial, TrialState.COMPLETED, "", 0.3)
    return [Started(trial, {"x": trial / 100}, "tpe", trial), *reports, end]


def folded(*events: Event) -> dict[int, Trial]:
    trials: dict[int, Trial] = {}
    for event in events:
        fold(trials, event)
    return trials


def write_study(directory: Path, trials: int) -> Journal:
    directory.mkdir(parents=True, exist_ok=True)
    journal = Journal.create(directory, STUDY, HEADER)
    for trial in range(trials):
        for event in trial_events(trial):
            journal.append(event)
    return journal


# The fold


def test_a_trial_is_folded_from_its_events() -> None:
    assert folded(*trial_events(0, 2))[0] == Trial(
        0,
        {"x": 0.0},
        TrialState.COMPLETED,
        (measured(0, 1, 1.0).measurement, measured(0, 2, 0.5).measurement),
        origin="tpe",
        seed=0,
        seconds=0.3,
    )


def test_a_trial_that_is_run_again_keeps_its_identity_and_its_measurements() -> None:
    first, again = Started(0, {"x": 0.5}, "tpe", 7), Started(0, {"x": 0.5}, "tpe", 7)
    trials = folded(first, measured(0, 1), again, measured(0, 2))
    assert [item.step for item in trials[0].measurements] == [1, 2]


def test_steps_that_repeat_or_go_back_change_nothing() -> None:
    once = folded(Started(0, {}, "tpe", 0), measured(0, 1, 0.1), measured(0, 2, 0.2))
    again = folded(
        Started(0, {}, "tpe", 0),
        measured(0, 1, 0.1),
        measured(0, 2, 0.2),
        measured(0, 2, 0.9),
        measured(0, 1, 0.9),
    )
    assert again == once


def test_a_trial_that_ends_has_its_state_and_reason() -> None:
    trials = folded(Started(4, {}, "tpe", 0), Ended(4, TrialState.DIVERGED, "rmse is nan", 2.5))
    assert (trials[4].state, trials[4].reason, trials[4].seconds) == (
        TrialState.DIVERGED,
        "rmse is nan",
        2.5,
    )


# What is written is read back


def test_a_journal_that_is_opened_again_holds_the_same(tmp_path: Path) -> None:
    journal = write_study(tmp_path, 3)
    journal.append(Started(3, {"x": 0.3}, "default", 9), measured(3, 1))
    journal.append(Finished("budget used", 0.25), FinalFit({"x": 0.1}, 0.4, {"mae": 0.3}, 1.5, 3))
    journal.close()
    again = Journal.open(tmp_path)
    assert again.study == journal.study
    assert again.header == HEADER
    assert again.finished == Finished("budget used", 0.25)
    assert again.tested == FinalResult((FinalFit({"x": 0.1}, 0.4, {"mae": 0.3}, 1.5, 3),))


def test_the_study_lists_its_trials_by_number(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path, STUDY, {})
    for number in (2, 0, 1):
        journal.append(Started(number, {}, "tpe", 0))
    assert [trial.id for trial in journal.study.trials] == [0, 1, 2]


def test_time_counts_on_over_sessions_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter((100.0, 107.0, 5000.0, 5002.0))
    monkeypatch.setattr("tuner.journal.time.monotonic", lambda: next(ticks))
    monkeypatch.setattr("tuner.journal.time.time", lambda: 0.0)
    Journal.create(tmp_path, STUDY, {}).append(Started(0, {}, "tpe", 0))
    assert Journal.open(tmp_path).elapsed_seconds == 9.0


def test_listeners_hear_an_event_after_it_is_durable(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path, STUDY, {})
    heard: list[tuple[Event, int]] = []

    def listener(event: Event) -> None:
        with closing(connect_readonly(tmp_path)) as reader:
            heard.append((event, len(list(read_entries(reader)))))

    journal.listen(listener)
    events = trial_events(0, 1)
    journal.append(events[0])
    journal.append(*events[1:])
    assert heard == [(events[0], 1), (events[1], 3), (events[2], 3)]


def test_a_reader_beside_the_writer_reads_only_what_is_new(tmp_path: Path) -> None:
    odd_place = tmp_path / "a ?#% place"
    journal = write_study(odd_place, 1)
    with closing(connect_readonly(odd_place)) as reader:
        assert read_header(reader) == (STUDY, HEADER)
        seen = list(read_entries(reader))
        journal.append(Finished("done"))
        (new,) = read_entries(reader, after=seen[-1].sequence)
    assert [entry.event for entry in seen] == trial_events(0)
    assert (new.event, new.sequence) == (Finished("done"), 6)


def test_a_value_that_json_cannot_hold_is_not_written(tmp_path: Path) -> None:
    journal = write_study(tmp_path, 1)
    before = journal.study
    with pytest.raises(ValueError, match="JSON"):
        journal.append(Started(1, {"x": 0.5}, "tpe", 0), measured(1, 1, float("nan")))
    assert journal.study == before == Journal.open(tmp_path).study


# Where there is nothing to read


def test_a_directory_without_a_study_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="holds no study"):
        Journal.open(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a database", bytes(8192)])
def test_another_file_in_place_of_the_journal_is_damage(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(RunDirectoryError, match="damaged"):
        Journal.open(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == content


def test_a_journal_of_another_format_is_refused_with_its_number(tmp_path: Path) -> None:
    write_study(tmp_path, 1).close()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection, connection:
        connection.execute("UPDATE header SET version = 2")
    with pytest.raises(RunDirectoryError, match="journal format 2, this tuner reads 1"):
        Journal.open(tmp_path)


def test_a_directory_that_cannot_be_written_is_an_environment_fault(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="cannot write the journal"):
        Journal.create(tmp_path / "missing", STUDY, {})
