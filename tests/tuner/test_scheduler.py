"""What Ray's results become in the journal, and which trials go on."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import ActorUnavailableError, RayActorError, RayError
from ray.train._internal.storage import StorageContext
from ray.tune.experiment import Trial as RayTrial
from ray.tune.schedulers import TrialScheduler

from meta.study import Measurement, TrialState
from tests.tuner.studies import METRIC, journal, no_packing, trial
from tuner.asha import Asha
from tuner.checkpoints import drop_when_ended
from tuner.events import Memory, Started
from tuner.journal import Journal
from tuner.packing import Gpus, Packing
from tuner.scheduler import UNREACHABLE_RETRIES, StudyScheduler
from tuner.usage import Usage


def batch(*values: float, first: int = 1, ended: Any = None) -> dict[str, Any]:
    measurements = [
        Measurement(step, value, 0.1).to_json() for step, value in enumerate(values, first)
    ]
    return {"measurements": measurements, "ended": ended, "value": values and values[-1]}


def ray_trial(id: int) -> Any:
    return SimpleNamespace(config={"trial": id})


@pytest.fixture
def log(tmp_path: Path) -> Journal:
    log = journal(tmp_path)
    log.append(*(Started(id, {"x": 0.1, "depth": 1}, "tpe", id) for id in range(6)))
    return log


@pytest.fixture
def scheduler(log: Journal) -> StudyScheduler:
    return StudyScheduler(log, Asha(METRIC, (1, 3), 2), no_packing(log))


def report(scheduler: StudyScheduler, id: int, result: dict[str, Any]) -> str:
    return scheduler.on_trial_result(None, ray_trial(id), result)  # type: ignore[arg-type]


def test_measurements_are_in_the_journal_when_the_trial_goes_on(
    scheduler: StudyScheduler, log: Journal, tmp_path: Path
) -> None:
    assert report(scheduler, 0, batch(0.5, 0.4)) == TrialScheduler.CONTINUE
    log.close()
    again = Journal.open(tmp_path).trials[0]
    assert [(m.step, m.value) for m in again.measurements] == [(1, 0.5), (2, 0.4)]


def test_what_a_batch_used_is_counted(scheduler: StudyScheduler, log: Journal) -> None:
    for values in ((0.5,), (0.5, 0.4)):
        report(scheduler, 0, {**batch(*values), "usage": Usage(2.0, steps=1, cpu_seconds=1.5)})
    assert log.ledger.trials[0] == Usage(4.0, steps=2, cpu_seconds=3.0)


def test_a_trial_that_asha_stops_ends_as_stopped(scheduler: StudyScheduler, log: Journal) -> None:
    report(scheduler, 0, batch(0.1))
    assert report(scheduler, 1, batch(0.9)) == TrialScheduler.STOP
    assert log.trials[1].state is TrialState.STOPPED
    assert log.trials[1].reason == "at step 1 0.9, best 1/2 is 0.1"


def test_measurements_behind_a_stop_are_not_entered(
    scheduler: StudyScheduler, log: Journal
) -> None:
    report(scheduler, 0, batch(0.1))
    report(scheduler, 1, batch(0.9, 0.8, 0.7))
    assert log.trials[1].step == 1


def test_the_last_batch_ends_the_trial_as_the_worker_says(
    scheduler: StudyScheduler, log: Journal
) -> None:
    last = batch(0.5, ended=("DIVERGED", "step 2: loss is nan", 0.7, None))
    scheduler.on_trial_complete(None, ray_trial(2), last)  # type: ignore[arg-type]
    ended = log.trials[2]
    assert (ended.state, ended.reason, ended.seconds) == (
        TrialState.DIVERGED,
        "step 2: loss is nan",
        0.7,
    )


def test_a_reason_is_entered_without_the_secrets_that_this_process_knows(
    scheduler: StudyScheduler, log: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_0123456789")
    last = batch(ended=("FAILED", "OSError: bad token hf_0123456789", 0.1, None))
    scheduler.on_trial_complete(None, ray_trial(2), last)  # type: ignore[arg-type]
    assert log.trials[2].reason == "OSError: bad token ***"


def test_a_batch_that_comes_twice_is_entered_once(scheduler: StudyScheduler, log: Journal) -> None:
    for _ in range(2):
        report(scheduler, 0, batch(0.5, 0.4))
    assert log.trials[0].step == 2
    assert len(log.trials[0].measurements) == 2


def test_an_ended_trial_is_not_ended_again(scheduler: StudyScheduler, log: Journal) -> None:
    report(scheduler, 0, batch(0.1))
    report(scheduler, 1, batch(0.9))
    last = batch(0.9, ended=("COMPLETED", "", 1.0, None))
    scheduler.on_trial_complete(None, ray_trial(1), last)  # type: ignore[arg-type]
    assert log.trials[1].state is TrialState.STOPPED


def test_rungs_are_refilled_from_the_journal(tmp_path: Path) -> None:
    completed = trial(0, TrialState.COMPLETED, 0.1, 0.1, 0.1, 0.1)
    log = journal(tmp_path, completed)
    log.append(Started(1, {"x": 0.1, "depth": 1}, "tpe", 1))
    resumed = StudyScheduler(log, Asha(METRIC, (1, 3), 2), no_packing(log))
    assert report(resumed, 1, batch(0.9)) == TrialScheduler.STOP


@pytest.fixture
def lose(
    scheduler: StudyScheduler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[RayError], None]:
    """Tells the scheduler, as Ray does, that trial 0 lost its worker by an error."""
    monkeypatch.setattr(
        "ray.train._internal.storage._get_ray_train_session_dir", lambda: str(tmp_path / "ray")
    )

    def lose(error: RayError) -> None:
        storage = StorageContext(str(tmp_path / "kept"), "study")
        trial = RayTrial("a", config={"trial": 0}, storage=storage, stub=True)
        trial.init_local_path()  # type: ignore[no-untyped-call]
        trial.handle_error(error)  # type: ignore[arg-type]
        scheduler.on_trial_error(None, trial)  # type: ignore[arg-type]

    return lose


DIED = RayActorError(error_msg="The actor died unexpectedly before finishing this task.\n (1) OOM")
UNREACHABLE = ActorUnavailableError("RpcError", None)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DIED, "its worker process died twice"),
        (RayError("x\nModuleNotFoundError: No module named 'mine'"), "named 'mine'"),
    ],
)
def test_a_second_lost_worker_fails_the_trial(
    lose: Callable[[RayError], None], log: Journal, error: RayError, reason: str
) -> None:
    lose(error)
    assert log.trials[0].state is TrialState.RUNNING
    lose(error)
    assert log.trials[0].state is TrialState.FAILED
    assert reason in log.trials[0].reason


def test_a_worker_out_of_reach_is_no_dead_one(
    lose: Callable[[RayError], None], log: Journal
) -> None:
    for error in (DIED, *[UNREACHABLE] * UNREACHABLE_RETRIES):
        lose(error)
    assert log.trials[0].state is TrialState.RUNNING
    lose(UNREACHABLE)
    assert log.trials[0].reason == "its worker process could not be reached 21 times"


def test_a_node_that_is_taken_away_counts_for_nothing(
    lose: Callable[[RayError], None], log: Journal
) -> None:
    for _ in range(9):
        lose(RayActorError(preempted=True))
    assert log.trials[0].state is TrialState.RUNNING


def test_a_trial_that_lost_its_worker_trained_before_its_last_report_and_after(
    scheduler: StudyScheduler, log: Journal, lose: Callable[[RayError], None]
) -> None:
    lose(DIED)
    report(scheduler, 0, batch(0.5, 0.4))
    scheduler._heard[0] -= 100
    lose(DIED)
    assert log.trials[0].seconds == pytest.approx(100.1, abs=5)


def test_so_did_one_that_was_silent_too_long(
    scheduler: StudyScheduler, log: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuner.scheduler.ray.kill", lambda worker: None)
    report(scheduler, 0, {**batch(), "measurements": [Measurement(1, 0.5, 50.0).to_json()]})
    scheduler._heard[0] -= 100
    scheduler._end_silent(ray_trial(0), None)  # type: ignore[arg-type]
    assert log.trials[0].seconds == pytest.approx(150, abs=5)


def test_what_runs_out_of_a_whole_gpu_fails_and_leaves_no_checkpoint(
    log: Journal, tmp_path: Path
) -> None:
    packing = Packing(Gpus(1.0, 0, 0.5), lambda config: 0, log.ledger)
    scheduler = StudyScheduler(log, Asha(METRIC, (), 2), packing)
    drop_when_ended(log)
    checkpoint = tmp_path / "checkpoints" / "0"
    checkpoint.mkdir(parents=True)
    for share, state in ((0.5, TrialState.RUNNING), (1.0, TrialState.FAILED)):
        place = packing.place(log.trials[0])
        assert place is not None
        assert place.gpu == share
        report(scheduler, 0, batch(ended=("FAILED", "all of it", 1.0, Memory.GPU)))
        packing.leave(0)
        assert log.trials[0].state is state
        assert checkpoint.exists() is (state is TrialState.RUNNING)


def test_a_free_worker_is_given_to_the_newest_trial(scheduler: StudyScheduler) -> None:
    """The older ones wait for workers that start; given this one, Ray would call those off."""
    states = (RayTrial.RUNNING, RayTrial.PENDING, RayTrial.PENDING, RayTrial.TERMINATED)
    trials = [SimpleNamespace(status=state) for state in states]
    controller: Any = SimpleNamespace(get_live_trials=set, get_trials=lambda: trials)
    assert scheduler.choose_trial_to_run(controller) is trials[2]
    trials[1].status = trials[2].status = RayTrial.RUNNING
    assert scheduler.choose_trial_to_run(controller) is None
