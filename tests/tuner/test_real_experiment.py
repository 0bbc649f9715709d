"""One experiment on a real Ray."""

from pathlib import Path

import pytest

from meta.space import Float, SearchSpace
from meta.study import Metric, Task
from tuner.config import Budget, Resources, RunOptions, StudyConfig, Tracking, WarmStart
from tuner.design import Design
from tuner.experiment import resume_experiment, run_experiment


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.usefixtures("ray_cluster")
def test_arms_share_a_ray_and_a_store_and_do_not_learn_from_each_other(
    mlflow_store: str, tmp_path: Path
) -> None:
    config = StudyConfig(
        Task("bowl", "curve"),
        "toy",
        Metric("loss", "min", 0.0, 10.0),
        SearchSpace({"x": Float(0.0, 1.0, default=0.9)}),
        budget=Budget(trials=3, max_steps=3),
        resources=Resources(cpu=1, gpu=0),
        warm_start=WarmStart(starter=False),
        tracking=Tracking(mlflow_store, "experiment"),
    )
    design = Design(
        (config,), ("tpe", "cold", "default", "warm"), (0, 1), ("tuner run bowl",), finalize=False
    )
    options = RunOptions(quiet=True, finalize=False, out=tmp_path / "x")
    report = run_experiment(design, options)
    assert len(report.runs) == 8
    assert not any(run.header["past"]["sources"] for run in report.runs)
    origins = {run.study.arm: [trial.origin for trial in run.study.trials] for run in report.runs}
    assert origins["tpe"] == ["default", "tpe", "tpe"]
    assert origins["default"][0] == origins["warm"][0] == "default"
    assert origins["cold"][0] != "default"
    assert report.comparison is not None, "another sampler is what the arm tpe is for"
    assert resume_experiment(tmp_path / "x", options).to_json() == report.to_json()
