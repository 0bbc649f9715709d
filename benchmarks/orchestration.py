"""Trials per hour of short tree trials: ours, a plain Ray Tune function, and plain Optuna.

    python -m benchmarks.orchestration --data-dir ../shared/data

All train the same frozen configurations of LightGBM on Wine Quality with the same split and seeds,
neither pruned nor ended early, in the order A B C A B C …; their last values must be equal. The Ray
Tune function is what its documentation leads to: it loads the data, trains and reports. Optuna runs
in one process on data loaded once. Every trial has one thread: on tables this small a second one
does not pay.

The pace is taken between the first and the last end of a trial, so that what happens once (Ray's
start, imports, the first actors) is left out and reported apart as ``start``. Ours journals every
trial and writes it to MLflow meanwhile; the others keep no record.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from trainables.base import DataRequest
from trainables.data.tabular import TabularData, load

RESULTS = Path(__file__).parent / "results" / "orchestration.json"
SEED = 0

Config = dict[str, Any]


@dataclass(frozen=True)
class Pace:
    """How a method ran: seconds per trial once it runs, seconds until then, the last values."""

    seconds: float
    start: float
    values: tuple[float, ...]

    @classmethod
    def of(cls, began: float, ends: list[float], values: list[float]) -> "Pace":
        return cls((max(ends) - min(ends)) / (len(ends) - 1), min(ends) - began, tuple(values))


def configurations(count: int) -> list[Config]:
    rng = np.random.default_rng(SEED)
    return [
        {
            "learning_rate": float(np.exp(rng.uniform(np.log(0.01), np.log(0.3)))),
            "max_depth": int(rng.integers(3, 11)),
            "n_estimators": int(rng.integers(100, 301)),
            "subsample": float(rng.uniform(0.5, 1.0)),
        }
        for _ in range(count)
    ]


def fit(data: TabularData, config: Config, seed: int) -> float:
    """What a user's own function does with one configuration."""
    import lightgbm

    from trainables.boosters import MAX_LEAVES

    parameters = {
        "objective": "regression",
        "learning_rate": config["learning_rate"],
        "max_depth": config["max_depth"],
        "num_leaves": min(2 ** config["max_depth"], MAX_LEAVES),
        "subsample": config["subsample"],
        "bagging_freq": 1,
        "seed": seed,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "feature_pre_filter": False,
        "verbosity": -1,
    }
    matrix = lightgbm.Dataset(
        data.x[data.train],
        data.y[data.train],
        categorical_feature=np.flatnonzero(data.categorical).tolist(),
    )
    booster = lightgbm.train(parameters, matrix, config["n_estimators"])
    error = booster.predict(data.x[data.validation]) - data.y[data.validation]
    return float(np.sqrt(np.mean(error**2)))


def ours(request: DataRequest, configs: list[Config], seeds: list[int]) -> Pace:
    """A warm study whose first points are the configurations."""
    from meta.recommend import Recommendation
    from tuner import driver
    from tuner.config import RunOptions
    from tuner.config_reader import load as load_config
    from tuner.past import Past

    config = load_config("wine-quality-lightgbm", [], False)
    config = replace(
        config,
        model=replace(config.model, early_stopping=0),
        budget=replace(config.budget, trials=len(configs), grace_steps=10, max_steps=10),
    )
    frozen = Past(tuple(Recommendation(point, "frozen") for point in configs))
    driver.read_past = lambda *_: frozen  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as folder:
        began = time.time()
        options = RunOptions(
            data_dir=request.directory, out=Path(folder) / "run", finalize=False, quiet=True
        )
        report = driver.run(config, options)
        ends = _ends(report.directory)
    values = [trial.measurements[-1].metrics["curve"] for trial in report.study.trials]
    return Pace.of(began, ends, values)


def _ends(directory: Path) -> list[float]:
    from tuner.events import Ended
    from tuner.journal_file import connect_readonly, read_entries

    entries = read_entries(connect_readonly(directory))
    return [entry.unix_time for entry in entries if isinstance(entry.event, Ended)]


def ray_tune(request: DataRequest, configs: list[Config], seeds: list[int]) -> Pace:
    import ray
    from ray import tune

    def train(config: Config) -> None:
        data = load(request).payload
        tune.report({"rmse": fit(data, config["run"]["point"], config["run"]["seed"])})

    ends: list[float] = []

    class Ends(tune.Callback):
        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            ends.append(time.time())

    began = time.time()
    ray.init(address="local", log_to_driver=False, include_dashboard=False)
    points = [{"point": c, "seed": s} for c, s in zip(configs, seeds, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        results = tune.Tuner(
            tune.with_resources(train, {"cpu": 1}),
            param_space={"run": tune.grid_search(points)},
            run_config=tune.RunConfig(storage_path=folder, verbose=0, callbacks=[Ends()]),
        ).fit()
        values = list(results.get_dataframe()["rmse"])
    ray.shutdown()
    return Pace.of(began, ends, values)


def optuna_alone(request: DataRequest, configs: list[Config], seeds: list[int]) -> Pace:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    ends: list[float] = []

    def objective(trial: optuna.Trial) -> float:
        config = {
            "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
            "max_depth": trial.suggest_int("max_depth", 3, 10),
            "n_estimators": trial.suggest_int("n_estimators", 100, 1000),
            "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        }
        return fit(data, config, seeds[trial.number])

    began = time.time()
    data = load(request).payload
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=SEED))
    for config in configs:
        study.enqueue_trial(config)
    study.optimize(
        objective, len(configs), callbacks=[lambda study, trial: ends.append(time.time())]
    )
    return Pace.of(began, ends, [float(trial.values[0]) for trial in study.trials])


METHODS: dict[str, Callable[[DataRequest, list[Config], list[int]], Pace]] = {
    "warmtune": ours,
    "ray.tune": ray_tune,
    "optuna": optuna_alone,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--method", choices=METHODS, help="measure this one once, print JSON")
    args = parser.parse_args()
    if args.method:
        print(json.dumps(asdict(_measure(args.method, args.data_dir.absolute(), args.trials))))
        return
    paces: dict[str, list[Pace]] = {name: [] for name in METHODS}
    for round in range(args.rounds):
        for name, of in paces.items():
            of.append(_in_own_process(name))
            print(f"{round} {name}: {of[-1].seconds:.3f} s a trial, start {of[-1].start:.1f} s")
            np.testing.assert_allclose(of[-1].values, paces["warmtune"][0].values)
    _write(paces, args.trials)


def _measure(name: str, data_dir: Path, trials: int) -> Pace:
    from tuner.search import trial_seed

    seeds = [trial_seed(SEED, number) for number in range(trials)]
    request = DataRequest("wine-quality", SEED, directory=data_dir)
    return METHODS[name](request, configurations(trials), seeds)


def _in_own_process(name: str) -> Pace:
    """Nothing that one method sets or starts may reach another."""
    command = [sys.executable, *sys.argv, "--method", name]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Pace(**json.loads(run.stdout.splitlines()[-1]))


def _write(paces: dict[str, list[Pace]], trials: int) -> None:
    seconds = {name: [pace.seconds for pace in of] for name, of in paces.items()}
    medians = {name: statistics.median(of) for name, of in seconds.items()}
    reference = medians[next(iter(medians))]
    print(f"\n{'method':<22}{'s a trial':>10}{'trials/h':>10}{'start s':>9}{'against ours':>14}")
    for name, median in medians.items():
        start = statistics.median(pace.start for pace in paces[name])
        print(
            f"{name:<22}{median:>10.3f}{3600 / median:>10.0f}{start:>9.1f}"
            f"{median / reference:>13.2f}x"
        )
    packages = ("ray", "optuna", "mlflow", "lightgbm")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(
        json.dumps(
            {
                "date": date.today().isoformat(),
                "cpus": os.cpu_count(),
                "python": platform.python_version(),
                "versions": {package: version(package) for package in packages},
                "trials": trials,
                "seconds_per_trial": seconds,
                "start_seconds": {n: [pace.start for pace in of] for n, of in paces.items()},
                "times_ours": {name: median / reference for name, median in medians.items()},
            },
            indent=2,
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
