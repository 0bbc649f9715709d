"""What is shown while a study runs."""

import sys
from pathlib import Path

import pytest

from meta.study import TrialState
from tests.tuner.studies import journal, trial
from tuner.events import Ended, Measured, Started
from tuner.progress import Progress, shown

MEASUREMENT = trial(0, TrialState.COMPLETED, 0.25).measurements[0]


def test_off_a_terminal_every_ended_trial_is_a_plain_line_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = journal(tmp_path, trial(0, TrialState.COMPLETED, 0.5))
    with shown(log, 3, quiet=False):
        log.append(Started(1, {"x": 0.1, "depth": 1}, "tpe", 1), Measured(1, MEASUREMENT))
        log.append(Ended(1, TrialState.STOPPED, "at step 1 0.25\ntrace"))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("trial 1 stopped 0.25: at step 1 0.25 [2/3 trials, best loss 0.5, 0:0")
    assert err.count("\n") == 1
    assert err.isascii()


def test_quiet_says_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = journal(tmp_path)
    with shown(log, 3, quiet=True):
        log.append(Started(0, {"x": 0.1, "depth": 1}, "tpe", 1), Ended(0, TrialState.FAILED, "no"))
    assert capsys.readouterr() == ("", "")


def test_only_a_better_completed_trial_becomes_the_best(tmp_path: Path) -> None:
    log = journal(tmp_path, trial(0, TrialState.COMPLETED, 0.5))
    progress = Progress(log, 9)
    for id, state in enumerate((TrialState.STOPPED, TrialState.COMPLETED), 1):
        log.append(Started(id, {"x": 0.1, "depth": 1}, "tpe", 1), Measured(id, MEASUREMENT))
        log.append(Ended(id, state))
        progress.hear(Ended(id, state))
        best = "0.25" if state is TrialState.COMPLETED else "0.5"
        assert f"best loss {best}" in progress.headline()


def test_the_time_left_comes_from_the_trials_of_this_session(tmp_path: Path) -> None:
    log = journal(tmp_path, trial(0, TrialState.COMPLETED, 0.5))
    progress = Progress(log, 10)
    for id in (1, 2):
        assert "left" not in progress.headline()
        log.append(Started(id, {"x": 0.1, "depth": 1}, "tpe", 1), Ended(id, TrialState.FAILED))
        progress.hear(Ended(id, TrialState.FAILED))
    progress._first_end -= 60
    assert "7:00 left" in progress.headline()


def test_on_a_terminal_a_table_shows_the_last_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    log = journal(tmp_path, *(trial(id, TrialState.COMPLETED, 0.5) for id in range(20)))
    with shown(log, 20, quiet=False):
        pass
    err = capsys.readouterr().err
    assert "20/20 trials, best loss 0.5" in err
    assert "completed" in err
