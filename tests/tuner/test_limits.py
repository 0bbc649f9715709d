"""When a study ends before its last trial."""

from pathlib import Path

import pytest

from meta.study import TrialState
from tests.tuner.studies import journal, trial
from tuner.config import Budget
from tuner.events import Ended, Started, Used
from tuner.journal import Journal
from tuner.limits import Limits
from tuner.signals import Signals
from tuner.usage import Usage

FAILED = TrialState.FAILED


def limits(log: Journal, budget: Budget | None = None, final_fits: int = 0) -> Limits:
    return Limits(log, budget or Budget(), Signals(), final_fits)


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


def test_a_resume_counts_failures_in_the_order_of_their_ends(tmp_path: Path) -> None:
    log = journal(tmp_path)
    watch = limits(log)
    log.append(*(Started(id, {"x": 0.5, "depth": 1}, "tpe", 0) for id in range(6)))
    for id in (1, 2, 0, 3, 4, 5):
        log.append(Ended(id, FAILED if id else TrialState.COMPLETED))
    assert not watch.stop_all()
    log.close()
    assert not limits(Journal.open(tmp_path)).stop_all()


def on_gpu(log: Journal, hours: float) -> None:
    """A trial that held a share of the GPU for some hours."""
    id = len(log.trials)
    log.append(Started(id, {"x": 0.5, "depth": 1}, "tpe", 0))
    log.append(Used(id, Usage(hours * 3600, gpu=0.5, gpus=("a",))))
    log.append(Ended(id, TrialState.STOPPED))


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """A study that has run for days."""
    monkeypatch.setattr(Journal, "elapsed_seconds", property(lambda _: 1e6))


@pytest.mark.usefixtures("late")
def test_gpu_hours_are_counted_over_a_resume(tmp_path: Path) -> None:
    log = journal(tmp_path)
    on_gpu(log, 0.6)
    log.close()
    log = Journal.open(tmp_path)
    watch = limits(log, Budget(gpu_hours=1.0))
    assert watch.gpu_hours == pytest.approx(0.6)
    assert not watch.stop_all()
    log.append(Started(1, {}, "", 0), Used(1, Usage(0.3 * 3600, gpu=0.5, gpus=("b",))))
    assert not watch.stop_all()
    log.append(Used(1, Usage(0.2 * 3600, gpu=0.5, gpus=("c",))))
    assert watch.stop_all()
    assert watch.reason == "budget of 1 GPU-hours spent"


@pytest.mark.usefixtures("late")
def test_the_final_fit_has_its_part_of_the_gpu_hours(tmp_path: Path) -> None:
    log = journal(tmp_path)
    without, watch = (limits(log, Budget(gpu_hours=1.0), n) for n in (0, 1))
    on_gpu(log, 0.5)
    assert not without.stop_all()
    assert watch.stop_all()


def test_time_counts_from_the_first_sign_of_life_and_over_a_resume(tmp_path: Path) -> None:
    log = journal(tmp_path)
    watch = limits(log, Budget(time_seconds=1e-9))
    log.append(Started(0, {"x": 0.5, "depth": 1}, "tpe", 0))
    assert not watch.stop_all()
    log.append(Used(0, Usage()))
    assert watch.stop_all()
    assert watch.reason == "time budget of 1e-09 s spent"
    log.close()
    assert limits(Journal.open(tmp_path), Budget(time_seconds=1e-9)).stop_all()
