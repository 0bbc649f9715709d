"""What a plan says, and that it starts nothing."""

import sys
from dataclasses import replace

import pytest

from meta.study import Task
from tests.tuner.studies import METRIC, SPACE, study
from tuner.config import Budget, Resources, RunOptions, StudyConfig
from tuner.errors import EnvironmentFault
from tuner.planner import plan
from tuner.resources import Node

NO_HISTORY = RunOptions(use_history=False)
CONFIG = StudyConfig(
    study().task, "toy", METRIC, SPACE, budget=Budget(trials=7, max_steps=10, reduction_factor=2)
)


def test_a_plan_prints_rungs_limits_and_points() -> None:
    text = plan(CONFIG, NO_HISTORY).text()
    assert "toy-curve, warm, seed 0: minimise loss with meta-gp, at most 7 trials" in text
    for step in (1, 2, 4):
        assert f"after step {step:>3}   the best 50%" in text
    assert "  start 1: default\n           x 0.9, depth 2" in text


def test_a_plan_speaks_of_gpu_hours_only_where_the_task_gets_a_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tuner.planner.this_machine", lambda: Node(2, 1, 10**9, "T4"))
    with_gpu = replace(CONFIG, resources=Resources(gpu=1.0))
    assert "at most 7 trials, 168 GPU-hours\n" in plan(with_gpu, NO_HISTORY).text()
    without = replace(CONFIG, resources=Resources(gpu=0))
    assert "at most 7 trials\n" in plan(without, NO_HISTORY).text()


def test_a_plan_as_json_has_what_the_text_has() -> None:
    shown = plan(CONFIG, NO_HISTORY).to_json()
    assert [rung["step"] for rung in shown["rungs"]] == [1, 2, 4]
    assert shown["past"]["points"][0]["config"] == SPACE.default()
    assert shown["concurrency"] >= 1


def test_what_does_not_fit_this_machine_is_refused() -> None:
    config = StudyConfig(study().task, "toy", METRIC, SPACE, resources=Resources(cpu=4096))
    with pytest.raises(EnvironmentFault, match="the largest node has"):
        plan(config, NO_HISTORY)


def test_a_plan_starts_no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert plan(CONFIG, NO_HISTORY).allotment.concurrency >= 1


def test_a_plan_tells_how_trials_would_share_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Node(20, 1, 80 * 10**9, "H200")
    monkeypatch.setattr("tuner.planner.this_machine", lambda: machine)
    config = replace(CONFIG, task=Task("cifar10", "efficientnet-b0"), trainable="image")
    ahead = plan(config, NO_HISTORY)
    assert "at most 16 trials at once, each 1 CPU, on 1 H200 with 80 GB" in ahead.text()
    assert "the default configuration begins with 0.5 of a GPU (1.4 GB)" in ahead.text()
    assert ahead.to_json()["default"]["gpu"] == 0.5
