"""What is shown while a study runs."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from meta.study import TrialState
from tests.tuner.studies import journal, trial
from tuner import progress
from tuner.events import Ended, FinalFit, Measured, Started
from tuner.progress import Progress, show_final_fits, shown

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
    following = Progress(log, 9)
    for id, state in enumerate((TrialState.STOPPED, TrialState.COMPLETED), 1):
        log.append(Started(id, {"x": 0.1, "depth": 1}, "tpe", 1), Measured(id, MEASUREMENT))
        log.append(Ended(id, state))
        following.hear(Ended(id, state))
        best = "0.25" if state is TrialState.COMPLETED else "0.5"
        assert f"best loss {best}" in following.headline()


def test_the_time_left_comes_from_the_trials_of_this_session(tmp_path: Path) -> None:
    log = journal(tmp_path, trial(0, TrialState.COMPLETED, 0.5))
    following = Progress(log, 10)
    for id in (1, 2):
        assert "left" not in following.headline()
        log.append(Started(id, {"x": 0.1, "depth": 1}, "tpe", 1), Ended(id, TrialState.FAILED))
        following.hear(Ended(id, TrialState.FAILED))
    following._first_end -= 60
    assert "7:00 left" in following.headline()


def test_the_final_fits_are_told_with_the_time_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = journal(tmp_path, trial(0, TrialState.COMPLETED, 0.5))
    times = iter([100.0, 160.0, 200.0])
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(times)))
    show_final_fits(log, 2)
    for fit in (FinalFit({}, 0.25, seed=3), FinalFit({}, 0.3, seed=4)):
        log.append(fit)
    assert capsys.readouterr().err.splitlines() == [
        "final fits: the best configuration, trained with 2 seeds and tested",
        "final fit 1 of 2, seed 3: loss 0.25 on test, 1:00 left",
        "final fit 2 of 2, seed 4: loss 0.3 on test",
    ]


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
