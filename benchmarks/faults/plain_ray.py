"""The same faults in Ray Tune as its documentation has it, for comparison."""

import math
import os
from tempfile import TemporaryDirectory
from typing import Any

TRIALS, STEPS = 12, 9


def steps_after_nan() -> float:
    """Steps that a quarter of the trials go on training after NaN at step 2, the mean of each."""
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler

    def train(config: dict[str, Any]) -> None:
        for step in range(1, STEPS + 1):
            broken = config["x"] < 0.25 and step >= 2
            tune.report({"loss": math.nan if broken else config["x"] + 1 / step})

    scheduler = ASHAScheduler("training_iteration", "loss", "min", max_t=STEPS, grace_period=1)
    space = {"x": tune.grid_search([n / TRIALS for n in range(TRIALS)])}
    results = _fit(tune.Tuner(train, param_space=space, tune_config=tune.TuneConfig(
        scheduler=scheduler, num_samples=1)))  # fmt: skip
    wasted = [
        result.metrics["training_iteration"] - 2
        for result in results
        if result.config["x"] < 0.25 and math.isnan(result.metrics["loss"])
    ]
    return round(sum(wasted) / len(wasted), 1) if wasted else 0.0


def survives_silence() -> bool:
    """Whether a study ends with all its trials though some return without any report."""
    from ray import tune
    from ray.tune.search.optuna import OptunaSearch

    def train(config: dict[str, Any]) -> None:
        if config["x"] > 0.5:
            tune.report({"loss": config["x"]})

    search = OptunaSearch(metric="loss", mode="min", seed=0)
    settings = tune.TuneConfig(search_alg=search, metric="loss", mode="min", num_samples=6)
    tuner = tune.Tuner(train, param_space={"x": tune.uniform(0, 1)}, tune_config=settings)
    try:
        results = _fit(tuner)
        results.get_best_result()
    except Exception:
        return False
    return len(results) == 6


def _fit(tuner: Any) -> Any:
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    with TemporaryDirectory() as folder:
        os.environ["TUNE_RESULT_DIR"] = folder
        return tuner.fit()
