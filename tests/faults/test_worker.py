"""Rows 8, 12, 21 and 25 without Ray: silence, memory, and checkpoints that are cut short."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from ray.tune.experiment import Trial as RayTrial

from meta.study import Metric, TrialState
from tests.faults.points import FaultPoint, raising
from tests.tuner.studies import METRIC, journal, no_packing
from trainables.toy import CHECKPOINT
from tuner import scheduler as scheduler_module
from tuner.asha import Asha
from tuner.context import TrialContext, TrialSetting
from tuner.events import Ended, Memory, Started
from tuner.scheduler import StudyScheduler
from tuner.search import StudySearch
from tuner.training import run_training

XY = {"x": 0.3, "y": 0.7}


def setting(folder: Path) -> TrialSetting:
    return TrialSetting("toy", "curve", Metric("loss", "min", 0.0, 10.0), 4, (), folder)


def train(folder: Path, config: dict[str, Any]) -> list[Any]:
    batches: list[Any] = []
    trial = TrialContext(setting(folder), 0, 0, None, batches.append)
    run_training(setting(folder), trial, config)
    return batches


@pytest.mark.parametrize("content", ["", "3", '{"step"', "null"])
def test_a_checkpoint_that_is_cut_short_costs_its_steps_and_not_the_trial(
    tmp_path: Path, content: str
) -> None:
    saved = TrialContext(setting(tmp_path), 0, 0, None, lambda _: None)
    saved.save(lambda folder: folder.joinpath(CHECKPOINT).write_text("2") and None)
    (tmp_path / "0" / CHECKPOINT).write_text(content)
    (batch,) = train(tmp_path, XY)
    assert batch["ended"][0] == TrialState.COMPLETED
    steps = [measurement["step"] for measurement in batch["measurements"]]
    assert steps == ([4] if content == "3" else [1, 2, 3, 4])


def test_a_trial_that_fails_for_itself_is_not_trained_twice(tmp_path: Path) -> None:
    (batch,) = train(tmp_path, {**XY, "mode": "raise", "at": 1})
    assert batch["ended"][0] == TrialState.FAILED


def save_on_full_disk(folder: Path, call: str, n: int) -> Path | None:
    """Save two checkpoints, the ``n``-th call finding a full disk; the one that is kept."""
    context = TrialContext(setting(folder), 0, 0, None, lambda _: None)
    full = FaultPoint(n, raising(OSError(28, "No space left on device")))
    wrapped = full.wrap(getattr(Path, call))
    with patch.object(Path, call, lambda *args, **kwargs: wrapped(*args, **kwargs)):
        for step in "12":
            context.save(lambda folder, step=step: folder.joinpath("a").write_text(step) and None)
    return TrialContext(setting(folder), 0, 0, None, lambda _: None).restore()


CALLS = ("mkdir", "write_text", "rename")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_full_disk_leaves_a_whole_checkpoint(tmp_path: Path, call: str, n: int) -> None:
    kept = save_on_full_disk(tmp_path, call, n)
    assert kept is None or (kept / "a").read_text() in "12"
    assert kept is not None or n == 1 or call != "rename"


def test_a_trial_that_is_silent_for_too_long_fails_and_its_worker_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = journal(tmp_path)
    log.append(Started(0, {"x": 0.1, "depth": 1}, "tpe", 0))
    scheduler = StudyScheduler(log, Asha(METRIC, (), 2), no_packing(log), 60)
    trial = SimpleNamespace(
        config={"trial": 0},
        status=RayTrial.RUNNING,
        temporary_state=SimpleNamespace(ray_actor="worker"),
    )
    controller: Any = SimpleNamespace(
        get_live_trials=lambda: {id(trial): trial}.values(), get_trials=lambda: [trial]
    )
    killed: list[object] = []
    now = [0.0]
    monkeypatch.setattr(scheduler_module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(scheduler_module.ray, "kill", killed.append)
    for now[0] in (0.0, 59.9):
        scheduler.choose_trial_to_run(controller)
    assert log.trials[0].state is TrialState.RUNNING
    assert not killed
    now[0] = 60.0
    scheduler.choose_trial_to_run(controller)
    assert log.trials[0].state is TrialState.FAILED
    assert log.trials[0].reason == "no report for 60 s (budget.step_timeout)"
    assert killed == ["worker"]


def test_a_machine_that_ran_out_of_memory_runs_fewer_trials_at_once(tmp_path: Path) -> None:
    log = journal(tmp_path)
    search = StudySearch(log, [], "random", 10, 3, no_packing(log))
    assert [search.suggest(str(n)) is not None for n in range(4)] == [True, True, True, False]
    log.append(Ended(0, TrialState.FAILED, lacked=Memory.HOST))
    search.on_trial_complete("0")
    assert search.suggest("4") is None
    log.append(Ended(1, TrialState.STOPPED))
    search.on_trial_complete("1", {})
    assert search.suggest("5") is not None
