"""When a study ends before its last trial."""

from pathlib import Path

import pytest

from meta.study import TrialState
from tests.tuner.studies import journal, trial
from tuner.config import Budget
from tuner.events import Ended, Started
from tuner.journal import Journal
from tuner.limits import Limits
from tuner.signals import Signals

FAILED = TrialState.FAILED


def limits(log: Journal, budget: Budget | None = None, gpu: float = 0.0) -> Limits:
    return Limits(log, budget or Budget(), gpu, Signals())


def end(log: Journal, state: TrialState, seconds: float = 0.5) -> None:
    id = len(log.trials)
    log.append(Started(id, {"x": 0.5, "depth": 1}, "tpe", 0), Ended(id, state, "", seconds))


def test_a_study_within_its_limits_goes_on(tmp_path: Path) -> None:
    assert not limits(journal(tmp_path)).stop_all()


def test_failures_in_a_row_end_it(tmp_path: Path) -> None:
    log = journal(tmp_path, *(trial(id, FAILED) for id in range(2)))
    watch = limits(log)
    end(log, FAILED)
    end(log, FAILED)
    assert not watch.stop_all()
    end(log, FAILED)
    assert watch.stop_all()
    assert watch.reason == "5 trials in a row failed"


def test_a_success_between_failures_starts_the_count_anew(tmp_path: Path) -> None:
    log = journal(tmp_path)
    watch = limits(log)
    for state in [FAILED] * 4 + [TrialState.STOPPED] + [FAILED] * 4:
        end(log, state)
    assert not watch.stop_all()


def test_gpu_hours_are_counted_over_a_resume(tmp_path: Path) -> None:
    log = journal(tmp_path, trial(0, TrialState.COMPLETED, 0.5))
    watch = limits(log, Budget(gpu_hours=1.0), gpu=0.5)
    end(log, TrialState.COMPLETED, 3600)
    assert not watch.stop_all()
    end(log, TrialState.STOPPED, 3600)
    assert watch.stop_all()
    assert watch.reason == "budget of 1 GPU-hours spent"
    assert watch.gpu_hours == pytest.approx(1.0, abs=1e-3)


def test_time_counts_from_the_first_result_and_over_a_resume(tmp_path: Path) -> None:
    log = journal(tmp_path)
    watch = limits(log, Budget(time_seconds=1e-9))
    assert not watch.stop_all()
    end(log, TrialState.COMPLETED)
    assert watch.stop_all()
    assert watch.reason == "time budget of 1e-09 s spent"
    log.close()
    assert limits(Journal.open(tmp_path), Budget(time_seconds=1e-9)).stop_all()
