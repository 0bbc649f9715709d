"""Rows 1, 14, 16: a driver killed again and again, a Ray that goes, and calls that get lost."""

import json
import os
import signal
from pathlib import Path

import pytest

from meta.study import TrialState
from tests.faults.kills import Victim, assert_as_if_nothing_had_happened, kill_again_and_again
from tests.tuner.test_driver import start, wait_for_trials
from tuner.config import RunOptions
from tuner.driver import resume
from tuner.journal import Journal

KILLS, TRIALS = 2, 40

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.usefixtures("ray_cluster")]


def test_a_driver_that_is_killed_again_and_again_loses_nothing(tmp_path: Path) -> None:
    import ray

    victim = Victim(tmp_path, ray.get_runtime_context().gcs_address, TRIALS)
    toll = kill_again_and_again(victim, KILLS, seed=0)
    assert toll.lost == 0
    assert_as_if_nothing_had_happened(victim.study, TRIALS)


def child(pid: int, program: str) -> int:
    """The process that ``pid`` has started of a program; the last, for a start is tried again."""
    found = [
        int(one)
        for folder in Path(f"/proc/{pid}/task").iterdir()
        for one in (folder / "children").read_text().split()
        if Path(f"/proc/{one}/cmdline").read_text().split("\0")[0].endswith(program)
    ]
    return max(found)


def test_a_ray_that_is_killed_is_said_and_the_study_can_be_resumed(
    tmp_path: Path, mlflow_store: str
) -> None:
    more = ["--trials", str(TRIALS)]
    process, out = start(tmp_path, mlflow_store, "--no-history", "--no-finalize", *more)
    wait_for_trials(out, 3, process)
    os.kill(child(process.pid, "raylet/raylet"), signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 3, said
    assert "Ray is gone (nothing answers at " in said
    assert f"`tuner resume {out}`" in said
    log = Journal.open(out)
    log.close()
    before = log.study.trials
    study = resume(out, RunOptions(quiet=True, finalize=False)).study
    assert [trial.id for trial in study.trials] == list(range(TRIALS))
    assert {t.state for t in study.trials} == {TrialState.COMPLETED, TrialState.STOPPED}
    for trial in before:
        after = study.trials[trial.id].measurements
        assert after[: len(trial.measurements)] == trial.measurements


def test_calls_to_workers_that_get_lost_cost_no_trial(
    tmp_path: Path, mlflow_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = {"num_failures": 3, "req_failure_prob": 30, "resp_failure_prob": 30}
    calls = json.dumps({"CoreWorkerService.grpc_client.PushTask": lost})
    monkeypatch.setenv("RAY_testing_rpc_failure", calls)
    process, out = start(tmp_path, mlflow_store, "--no-history", "--no-finalize")
    _, said = process.communicate(timeout=240)
    assert process.returncode == 0, said
    log = Journal.open(out)
    log.close()
    assert [trial.id for trial in log.study.trials] == list(range(16))
    assert {t.state for t in log.study.trials} == {TrialState.COMPLETED, TrialState.STOPPED}
