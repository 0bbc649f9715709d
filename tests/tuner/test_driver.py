"""Whole studies on a real Ray: run, killed, resumed, with faults, and repeated."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meta.space import Categorical, Float, SearchSpace
from meta.study import Metric, Study, Task, TrialState
from trainables.base import DataRequest
from trainables.data.tabular import load as read_data
from tuner.config import Budget, Resources, RunOptions, StudyConfig, Tracking, WarmStart
from tuner.config_reader import Override, load
from tuner.driver import finalize, resume, run
from tuner.errors import NoTrialCompleted, RunDirectoryError, UsageError
from tuner.journal import Journal
from tuner.rundir import runs
from tuner.summary import PAGE_FILE, Report
from tuner.tracking import read_studies

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_cluster")]

QUIET = RunOptions(quiet=True, use_history=False, finalize=False)
TESTED = replace(QUIET, finalize=True)
LEARNING = RunOptions(quiet=True, finalize=False)
XY = {"x": Float(0.0, 1.0, default=0.9), "y": Float(0.0, 1.0, default=0.1)}


@pytest.fixture
def config(mlflow_store: str, request: pytest.FixtureRequest) -> StudyConfig:
    """A study of 12 toy trials, alone in its experiment."""
    return StudyConfig(
        task=Task("bowl", "curve"),
        trainable="toy",
        metric=Metric("loss", "min", 0.0, 10.0),
        space=SearchSpace(dict(XY)),
        budget=Budget(trials=12, max_steps=9),
        resources=Resources(cpu=1, gpu=0),
        warm_start=WarmStart(starter=False),
        tracking=Tracking(mlflow_store, request.node.name),
    )


def with_mode(config: StudyConfig, *modes: str, trials: int = 12) -> StudyConfig:
    """Trials that meet one of several faults."""
    space = SearchSpace({**XY, "mode": Categorical(modes)})
    return replace(config, space=space, budget=replace(config.budget, trials=trials))


def by_mode(study: Study, mode: str) -> list[Any]:
    return [trial for trial in study.trials if trial.config["mode"] == mode]


def past(config: StudyConfig) -> tuple[Study, ...]:
    assert config.tracking.uri is not None
    return read_studies(config.tracking.uri, config.tracking.experiment).studies


def test_a_study_ends_with_its_best_configuration_tested(config: StudyConfig) -> None:
    report = run(config, TESTED)
    study = report.study
    assert [trial.id for trial in study.trials] == list(range(12))
    states = {trial.state for trial in study.trials}
    assert states == {TrialState.COMPLETED, TrialState.STOPPED}
    assert study.best is not None
    assert study.best.value == min(
        t.value for t in study.trials if t.state is TrialState.COMPLETED and t.value is not None
    )
    assert report.tested is not None
    assert report.tested.config == study.best.recommended
    assert len({fit.seed for fit in report.tested.fits}) == 3
    assert report.tracking_problem is None
    assert report.model is not None
    assert re.fullmatch(r"models:/bowl-curve/\d+", report.model)
    assert report.to_json()["model"] == report.model
    assert (report.directory / "model" / "README.md").read_text().startswith("# bowl-curve")
    assert f"its model    {report.directory / 'model'} ({report.model} in MLflow)" in report.text()
    status = json.loads((report.directory / "status.json").read_text())
    assert status == {"state": "ended", "exit_code": 0}
    assert_use_is_told(report)


def assert_use_is_told(report: Report) -> None:
    """On a CPU: time and memory of each trial and of the final fits, and nothing of a GPU."""
    log = Journal.open(report.directory)
    used, (session,) = log.ledger.trials, log.ledger.sessions
    log.close()
    assert set(used) == {None, *(trial.id for trial in report.study.trials)}
    for usage in used.values():
        assert 0 < usage.cpu_seconds < usage.seconds + 1
        assert usage.peak_host_bytes > 10**7
        assert (usage.gpus, usage.peak_gpu_bytes) == ((), None)
    assert (session.gpu, session.gpus, report.usage["gpu_hours"]) == (0, 0, 0)
    assert report.usage["cpu_hours"] * 3600 == pytest.approx(
        sum(usage.cpu_seconds for usage in used.values())
    )
    assert "CPU-hours" in report.text()
    page = (report.directory / PAGE_FILE).read_text()
    assert "What it used" in page
    assert "CPU-hours" in page


def test_a_study_can_be_rebuilt_from_mlflow_alone(config: StudyConfig) -> None:
    assert past(config) == ()
    study = run(config, QUIET).study
    assert past(config) == (study,)


def test_what_is_known_of_the_data_is_known_of_the_past(config: StudyConfig) -> None:
    trees = load("diabetes-xgboost", [Override("budget.trials", "1")])
    trees = replace(trees, tracking=config.tracking)
    run(trees, QUIET)
    data = read_data(DataRequest("diabetes", trees.seed))
    (study,) = past(trees)
    assert (study.features, study.fingerprint) == (data.features, data.fingerprint)


def test_a_warm_study_learns_from_the_last_one_and_a_cold_one_does_not(config: StudyConfig) -> None:
    first = run(config, QUIET).study
    assert first.trials[0].config == config.space.default()
    six = replace(config, seed=1, budget=replace(config.budget, trials=6))
    second = run(six, LEARNING).study
    best = [trial.recommended for trial in first.ranking[:3]]
    assert any(second.trials[0].config == pytest.approx(one, abs=1e-9) for one in best)
    assert second.trials[0].origin == "expected best, tried in bowl-curve (warm, seed 0)"
    origins = [trial.origin for trial in second.trials]
    assert origins[2] == "default"
    assert all(re.fullmatch(r"meta-gp, past \d+%", origin) for origin in origins[3:5])
    cold = run(six, replace(LEARNING, arm="cold")).study
    assert {trial.origin for trial in cold.trials} == {"meta-gp, without the past"}


def test_the_same_seed_one_trial_at_a_time_gives_the_same_study(config: StudyConfig) -> None:
    alone = replace(config, resources=Resources(cpu=1, gpu=0, concurrency=1))
    first, second = (run(alone, QUIET).study for _ in range(2))
    assert [(t.config, t.state, t.value, t.seed) for t in first.trials] == [
        (t.config, t.state, t.value, t.seed) for t in second.trials
    ]
    other = run(replace(alone, seed=1), QUIET).study
    assert [t.config for t in other.trials[1:]] != [t.config for t in first.trials[1:]]


WRONG = {
    "nan": (TrialState.DIVERGED, "step 2: loss is nan"),
    "inf": (TrialState.DIVERGED, "step 2: loss is inf"),
    "out_of_range": (TrialState.FAILED, "outside"),
    "raise": (TrialState.FAILED, "RuntimeError"),
    "silent": (TrialState.FAILED, "reported no value"),
    "text": (TrialState.FAILED, "number expected"),
    "oom": (TrialState.FAILED, "out of memory (host)"),
}
"""How a trial goes wrong: the state it ends in, and why."""


def test_trials_that_go_wrong_are_data_and_the_others_go_on(config: StudyConfig) -> None:
    broken = with_mode(replace(config, sampler="random"), "ok", *WRONG, trials=40)
    study = run(replace(broken, budget=Budget(trials=40, max_steps=9, grace_steps=9)), QUIET).study
    assert len(study.trials) == 40
    for mode, (state, reason) in WRONG.items():
        wrong = by_mode(study, mode)
        assert wrong
        assert all(t.state is state and reason in t.reason for t in wrong)
    assert all(t.state is TrialState.COMPLETED for t in by_mode(study, "ok"))


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["kill", "exit"])
def test_a_worker_that_dies_is_tried_again_then_fails(
    config: StudyConfig, mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    one = replace(config, budget=Budget(trials=3, max_steps=9, grace_steps=9))
    study = run(with_mode(one, "ok", mode, trials=3), QUIET).study
    assert all("died twice" in t.reason for t in by_mode(study, mode))
    assert {t.state for t in by_mode(study, mode)} <= {TrialState.FAILED}
    assert {t.state for t in by_mode(study, "ok")} <= {TrialState.COMPLETED}
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_a_worker_that_dies_once_goes_on_from_its_checkpoint(config: StudyConfig) -> None:
    two = replace(config, budget=Budget(trials=2, max_steps=9, grace_steps=9))
    study = run(with_mode(two, "kill_once", "ok", trials=2), QUIET).study
    assert all(t.state is TrialState.COMPLETED and t.step == 9 for t in study.trials)


def test_a_study_in_which_all_fails_ends_early_and_says_why(config: StudyConfig) -> None:
    broken = with_mode(config, "raise", "silent")
    broken = replace(broken, budget=Budget(trials=50, max_steps=9, grace_steps=9))
    with pytest.raises(NoTrialCompleted, match="RuntimeError") as caught:
        run(broken, QUIET)
    assert 1 <= len(caught.value.faults) <= 2
    assert caught.value.exit_code == 4
    (study,) = past(config)
    assert len(study.trials) <= 6
    (directory,) = runs()
    assert json.loads((directory / "status.json").read_text())["exit_code"] == 4
    with pytest.raises(NoTrialCompleted):
        resume(directory, replace(QUIET, address="ray://nowhere:1"))


def test_a_time_budget_ends_the_study_with_what_it_has(config: StudyConfig) -> None:
    slow = replace(config, space=SearchSpace({**XY, "step_seconds": Float(0.02, 0.03)}))
    budget = Budget(trials=1000, max_steps=9, time_seconds=2.0)
    report = run(replace(slow, budget=budget), QUIET)
    assert report.finished.reason == "time budget of 2 s spent"
    assert 1 <= len(report.study.trials) < 200
    assert TrialState.RUNNING not in {trial.state for trial in report.study.trials}


def test_a_time_budget_ends_a_study_whose_first_step_takes_longer(config: StudyConfig) -> None:
    slow = replace(config, space=SearchSpace({**XY, "step_seconds": Float(600.0, 601.0)}))
    with pytest.raises(NoTrialCompleted, match="the budget was spent before"):
        run(replace(slow, budget=replace(config.budget, time_seconds=1.0)), QUIET)


def test_a_finished_study_is_only_reported_again(config: StudyConfig) -> None:
    report = run(config, TESTED)
    before = (report.directory / "journal.db").read_bytes()
    again = resume(report.directory, TESTED)
    assert (again.study, again.tested, again.seconds) == (
        report.study,
        report.tested,
        report.seconds,
    )
    assert (report.directory / "journal.db").read_bytes() == before


def test_a_final_fit_left_out_is_done_by_finalize(config: StudyConfig) -> None:
    report = run(config, QUIET)
    assert report.tested is None
    assert finalize(report.directory, TESTED).tested is not None


def test_a_directory_without_a_study_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="holds no study"):
        resume(tmp_path, QUIET)


def test_data_that_changed_since_stop_a_resume(config: StudyConfig) -> None:
    report = run(config, QUIET)
    path = report.directory
    log = Journal.open(path)
    other = replace(log.study, fingerprint="other", trials=())
    log.close()
    for file in path.glob("journal*"):
        file.unlink()
    Journal.create(path, other, log.header).close()
    with pytest.raises(UsageError, match="the data differ"):
        resume(path, QUIET)


SLOW_YAML = """
version: 1
task: {dataset: bowl, model: curve, trainable: toy}
metric: {name: loss, mode: min, low: 0, high: 10}
space:
  x: {float: [0, 1], default: 0.9}
  y: {float: [0, 1], default: 0.1}
  step_seconds: {float: [0.02, 0.05]}
budget: {trials: 16, max_steps: 9}
resources: {cpu: 1, gpu: 0, concurrency: 1}
warm_start: {starter: false}
tracking: {experiment: slow}
"""


def slow_config(folder: Path, store: str) -> StudyConfig:
    """What ``SLOW_YAML`` says."""
    (folder / "slow.yaml").write_text(SLOW_YAML)
    return load(str(folder / "slow.yaml"), [Override("tracking.uri", store)])


def start(folder: Path, store: str, *options: str) -> tuple["subprocess.Popen[str]", Path]:
    """A study in a process of its own, with a Ray of its own."""
    (folder / "slow.yaml").write_text(SLOW_YAML)
    out = folder / "run"
    command = [sys.executable, "-m", "tuner", "run", str(folder / "slow.yaml"), "--quiet"]
    command += ["--out", str(out), "--tracking-uri", store, "--address", "local", *options]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True), out


def wait_for_trials(out: Path, count: int, process: "subprocess.Popen[str]") -> None:
    """Until the study has ended so many trials."""
    while process.poll() is None:
        try:
            log = Journal.open(out)
        except RunDirectoryError:
            time.sleep(0.2)
            continue
        ended = sum(trial.state is not TrialState.RUNNING for trial in log.trials.values())
        log.close()
        if ended >= count:
            return
        time.sleep(0.1)
    pytest.fail(f"the study ended too early: {process.stderr and process.stderr.read()}")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, mlflow_store: str) -> Report:
    """The study of ``SLOW_YAML``, uninterrupted."""
    folder = tmp_path_factory.mktemp("whole")
    config = slow_config(folder, mlflow_store)
    return run(config, replace(QUIET, out=folder / "run"))


def outcome(study: Study) -> list[tuple[Any, ...]]:
    return [(t.id, t.config, t.state, t.value, t.seed, t.origin) for t in study.trials]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 143), (signal.SIGINT, 130)],
)
def test_an_interrupted_study_resumes_to_what_it_would_have_been(
    number: signal.Signals, code: int, tmp_path: Path, mlflow_store: str, whole: Report
) -> None:
    process, out = start(tmp_path, mlflow_store, "--no-history")
    wait_for_trials(out, 5, process)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    log = Journal.open(out)
    acknowledged = log.study.trials
    log.close()
    assert 5 <= len(acknowledged) < 16
    study = resume(out, QUIET).study
    assert outcome(study) == outcome(whole.study)
    for before in acknowledged:
        after = study.trials[before.id].measurements
        assert after[: len(before.measurements)] == before.measurements
    if number != signal.SIGKILL:
        assert f"tuner resume {out}" in said
    found = [s for s in read_studies(mlflow_store, "slow").studies if s.id == study.id]
    assert found == [study]


@pytest.mark.slow
def test_a_study_with_a_past_resumes_to_what_it_would_have_been(
    tmp_path: Path, mlflow_store: str, whole: Report
) -> None:
    """Even though more has happened since: what was learned is kept with the run."""
    elsewhere = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    process, out = start(tmp_path, elsewhere, "--history", mlflow_store, "--seed", "1")
    wait_for_trials(out, 7, process)
    process.kill()
    process.communicate(timeout=60)
    config = replace(slow_config(tmp_path, elsewhere), seed=1)
    uninterrupted = run(config, replace(LEARNING, history=(mlflow_store,))).study
    run(replace(slow_config(tmp_path, mlflow_store), seed=2), QUIET)
    study = resume(out, QUIET).study
    assert outcome(study) == outcome(uninterrupted)
    assert any(", past " in trial.origin for trial in study.trials[7:])


@pytest.mark.slow
def test_two_processes_cannot_work_on_one_study(tmp_path: Path, mlflow_store: str) -> None:
    process, out = start(tmp_path, mlflow_store, "--no-history")
    wait_for_trials(out, 1, process)
    with pytest.raises(RunDirectoryError, match=f"in use by pid {process.pid}"):
        resume(out, QUIET)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
