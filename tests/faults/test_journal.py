"""Rows 2, 20, 22, 27 and 30: kills around a commit, full disks, moved folders, races, clocks."""

import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import pytest

from meta.study import Study, TrialState
from tests.faults.points import Connection, FaultPoint, raising
from tests.tuner.test_journal import HEADER, STUDY, trial_events, write_study
from tuner import journal_file
from tuner.errors import EnvironmentFault, RunDirectoryError
from tuner.events import Event, Started
from tuner.journal import Journal
from tuner.journal_file import Entry, connect_readonly, read_entries

KILLED = """
import os, signal, sys
from pathlib import Path
from tests.faults.points import Connection, FaultPoint
from tests.tuner.test_journal import HEADER, STUDY, trial_events
from tuner.journal import Journal

never = FaultPoint(0, lambda: None, once=True)
die = lambda: os.kill(os.getpid(), signal.SIGKILL)
for number in range(int(sys.argv[2])):
    directory = Path(sys.argv[1], str(number))
    directory.mkdir()
    if os.fork():
        os.wait()
        continue
    point = FaultPoint(1 + number // 3, die, late=number % 3 == 2)
    insert, commit = (point, never) if number % 3 == 0 else (never, point)
    journal = Journal.create(directory, STUDY, HEADER)
    journal._connection = Connection(journal._connection, insert, commit)
    acknowledged = os.open(directory / "acknowledged", os.O_CREAT | os.O_WRONLY)
    for trial in range(100):
        for event in trial_events(trial):
            journal.append(event)
            os.write(acknowledged, b"x")
"""
"""Children that die before, inside and after a commit, ever later."""


@pytest.mark.parametrize("call", ["connect", "insert"])
def test_a_kill_while_it_is_made_leaves_no_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    point = FaultPoint(1, raising(SystemExit()), once=True, late=True)
    monkeypatch.setattr(journal_file, call, point.wrap(getattr(journal_file, call)))
    with pytest.raises(SystemExit):
        Journal.create(tmp_path, STUDY, HEADER)
    with pytest.raises(RunDirectoryError, match="holds no study"):
        Journal.open(tmp_path)
    Journal.create(tmp_path, STUDY, HEADER).close()
    assert Journal.open(tmp_path).study == STUDY


def everything() -> list[Event]:
    return [event for trial in range(100) for event in trial_events(trial)]


def test_a_kill_before_in_or_after_a_commit_loses_nothing_acknowledged(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), "60"], check=True)
    more = 0
    for number in range(60):
        acknowledged = (tmp_path / str(number) / "acknowledged").stat().st_size
        assert acknowledged == number // 3
        Journal.open(tmp_path / str(number)).close()
        with closing(connect_readonly(tmp_path / str(number))) as reader:
            events = [entry.event for entry in read_entries(reader)]
        assert events == everything()[: len(events)]
        assert len(events) - acknowledged == (number % 3 == 2)
        more += len(events) - acknowledged
    assert more == 20


def append(journal: Journal, events: list[Event]) -> None:
    for event in events:
        journal.append(event)


WRITES = [event for trial in range(4) for event in trial_events(trial)]


def fill_up(directory: Path, where: str, n: int) -> Study:
    """Let the ``n``-th of ``WRITES`` find a full disk; what was acknowledged until then."""
    directory.mkdir()
    journal = Journal.create(directory, STUDY, HEADER)
    full = FaultPoint(n, raising(sqlite3.OperationalError("database or disk is full")))
    never = FaultPoint(0, lambda: None, once=True)
    points = (full, never) if where == "insert" else (never, full)
    journal._connection = Connection(journal._connection, *points)  # type: ignore[assignment]
    with pytest.raises(EnvironmentFault, match=r"disk is full.*Free space.*tuner resume"):
        append(journal, WRITES)
    assert journal.fault is not None
    journal.close()
    return journal.study


@pytest.mark.parametrize("where", ["insert", "commit"])
def test_a_full_disk_at_any_write_keeps_what_was_acknowledged(tmp_path: Path, where: str) -> None:
    for n in range(1, len(WRITES) + 1):
        study = fill_up(tmp_path / str(n), where, n)
        again = Journal.open(tmp_path / str(n))
        assert again.study == study
        again.append(*WRITES[n - 1 :])
        assert [t.state for t in again.study.trials] == [TrialState.COMPLETED] * 4
        again.close()


def test_a_run_directory_that_moved_is_noticed_at_the_next_event(tmp_path: Path) -> None:
    journal = write_study(tmp_path / "run", 2)
    (tmp_path / "run").rename(tmp_path / "elsewhere")
    with pytest.raises(RunDirectoryError, match=r"moved or deleted.*Put it back"):
        journal.append(Started(2, {"x": 0.5}, "tpe", 2))
    (tmp_path / "elsewhere").rename(tmp_path / "run")
    journal.append(Started(2, {"x": 0.5}, "tpe", 2))
    journal.close()
    assert len(Journal.open(tmp_path / "run").trials) == 3


def test_a_run_directory_that_was_replaced_is_noticed_too(tmp_path: Path) -> None:
    journal = write_study(tmp_path / "run", 1)
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    shutil.rmtree(tmp_path / "run")
    (tmp_path / "copy").rename(tmp_path / "run")
    with pytest.raises(RunDirectoryError, match="moved or deleted"):
        journal.append(Started(1, {"x": 0.5}, "tpe", 1))


def test_a_read_only_run_directory_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(tmp_path, 1).close()
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(EnvironmentFault, match="read-only"):
        Journal.open(tmp_path)


RACERS = """
import os, sys, time
from pathlib import Path
from tuner.errors import RunDirectoryError
from tuner.rundir import RunLock

directory = Path(sys.argv[1])
for race in range(int(sys.argv[2])):
    start = time.monotonic() + 0.02
    children = []
    for _ in range(2):
        child = os.fork()
        if not child:
            while time.monotonic() < start:
                pass
            try:
                with RunLock(directory):
                    owner = directory / "owner"
                    os.close(os.open(owner, os.O_CREAT | os.O_EXCL))
                    time.sleep(0.005)
                    owner.unlink()
                    os._exit(1)
            except RunDirectoryError:
                os._exit(0)
            os._exit(9)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    print(*codes)
"""


def test_of_two_processes_that_want_a_run_directory_at_most_one_has_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RACERS, str(tmp_path), "50"]
    raced = subprocess.run(command, capture_output=True, text=True, check=True)
    outcomes = [sorted(map(int, line.split())) for line in raced.stdout.splitlines()]
    assert len(outcomes) == 50
    assert all(codes in ([0, 1], [1, 1]) for codes in outcomes), outcomes


JUMPS = (-3600.0, 3600.0, -1.7e9)


def jumping(directory: Path, jump: float) -> list[Entry]:
    """What a journal holds whose clock jumped by so many seconds after the first of two trials."""
    journal = write_study(directory, 1)
    clock = time.time
    with patch("time.time", lambda: clock() + jump):
        for event in trial_events(1):
            journal.append(event)
    journal.close()
    with closing(connect_readonly(directory)) as reader:
        return list(read_entries(reader))


@pytest.mark.parametrize("jump", JUMPS)
def test_a_clock_that_jumps_changes_neither_order_nor_durations(
    tmp_path: Path, jump: float
) -> None:
    entries = jumping(tmp_path, jump)
    elapsed = [entry.elapsed_seconds for entry in entries]
    assert elapsed == sorted(elapsed)
    assert [entry.sequence for entry in entries] == list(range(1, 11))
    assert 0 <= Journal.open(tmp_path).seconds < 60
