"""The same faults in Ray Tune as its documentation has it, for comparison."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

TRIALS, STEPS = 12, 9


def steps_after_nan() -> float:
    """Steps that a trial goes on training after NaN at step 2, the mean of a quarter of them."""
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler

    def train(config: dict[str, Any]) -> None:
        for step in range(1, STEPS + 1):
            broken = config["x"] < 0.25 and step >= 2
            tune.report({"loss": math.nan if broken else config["x"] + 1 / step})

    scheduler = ASHAScheduler("training_iteration", "loss", "min", max_t=STEPS, grace_period=1)
    space = {"x": tune.grid_search([n / TRIALS for n in range(TRIALS)])}
    with _storage() as settings:
        asha = tune.TuneConfig(scheduler=scheduler)
        results = tune.Tuner(train, param_space=space, tune_config=asha, **settings).fit()
    wasted = [
        result.metrics["training_iteration"] - 2
        for result in (results[n] for n in range(len(results)))
        if result.metrics and math.isnan(result.metrics["loss"])
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
    optuna = tune.TuneConfig(search_alg=search, metric="loss", mode="min", num_samples=6)
    space = {"x": tune.uniform(0, 1)}
    try:
        with _storage() as settings:
            return (
                len(tune.Tuner(train, param_space=space, tune_config=optuna, **settings).fit()) == 6
            )
    except Exception:
        return False


@contextmanager
def _storage() -> Iterator[dict[str, Any]]:
    from ray import tune

    with TemporaryDirectory() as folder:
        yield {"run_config": tune.RunConfig(storage_path=folder, verbose=0)}
