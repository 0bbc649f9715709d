"""How the trials of a study are put on Ray's workers, and go on in run directories of before."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from meta.space import Float, SearchSpace
from meta.study import Metric, Task, Trial
from tests.conftest import ROOT
from tuner import trials
from tuner.config import Budget, Resources, RunOptions, StudyConfig, Tracking
from tuner.driver import resume, run
from tuner.journal import Journal

WHO = """
import os, time

time.sleep(1)  # what a library takes to import


def train(config, context):
    time.sleep(0.3)
    context.report(1, config["x"], {"pid": os.getpid()})
"""


pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_cluster")]


OPTIONS = RunOptions(quiet=True, use_history=False, finalize=False)


@pytest.fixture
def who(tmp_path: Path, mlflow_store: str) -> StudyConfig:
    """Short trials, each of which tells in which process it ran."""
    (tmp_path / "who.py").write_text(WHO)
    return StudyConfig(
        task=Task("who", "am-i"),
        trainable="who:train",
        metric=Metric("x", "min"),
        space=SearchSpace({"x": Float(0.0, 1.0)}),
        budget=Budget(trials=24, max_steps=1),
        resources=Resources(cpu=1, gpu=0),
        tracking=Tracking(mlflow_store, "workers"),
        code=str(tmp_path),
    )


def alone(config: StudyConfig, trials: int) -> StudyConfig:
    """So many trials, one after the other."""
    one = Resources(cpu=1, gpu=0, concurrency=1)
    return replace(config, budget=Budget(trials=trials, max_steps=1), resources=one)


def workers(trials: Sequence[Trial]) -> list[float]:
    return [trial.measurements[-1].metrics["pid"] for trial in trials]


def test_short_trials_share_as_many_workers_as_may_run_at_once(who: StudyConfig) -> None:
    assert len(set(workers(run(who, OPTIONS).study.trials))) == 2
    assert len(set(workers(run(alone(who, 4), OPTIONS).study.trials))) == 1


def test_a_study_of_several_legs_is_that_of_a_single_one(
    who: StudyConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    single = run(alone(who, 7), OPTIONS).study.trials
    monkeypatch.setattr(trials, "TRIALS_PER_LEG", 3)
    several = run(alone(who, 7), OPTIONS).study.trials
    assert [trial.config for trial in several] == [trial.config for trial in single]
    first, second, third = dict.fromkeys(workers(several))
    assert workers(several) == [first] * 3 + [second] * 3 + [third]


def test_a_run_of_before_priors_were_kept_goes_on(
    tmp_path: Path, mlflow_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its header names the past by ``studies``, and no prior lies beside it."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_store)
    run_dir = tmp_path / "run"
    shutil.copytree(ROOT / "tests" / "formats" / "past-by-studies", run_dir)
    log = Journal.open(run_dir)
    *ended, interrupted = log.study.trials
    assert log.header["past"]["studies"]
    log.close()
    report = resume(run_dir, RunOptions(quiet=True, finalize=False))
    assert len(report.study.trials) == 8
    assert report.study.trials[: len(ended)] == tuple(ended)
    assert report.study.trials[interrupted.id].config == interrupted.config
    assert {trial.origin for trial in report.study.trials[interrupted.id :]} == {"tpe"}
    assert report.text()
