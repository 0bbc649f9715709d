"""CPU-seconds of a tree trial on Adult, against three ways of doing without what ours does.

    python -m benchmarks.trees --data-dir ../shared/data

Each measure trains the same frozen configurations with one thread, in the order A B A B A (A is
ours), after a warm-up of each whose cost (imports, matrices) is reported apart. The others are
given the benefit of the doubt: they compute one metric where ours computes six, and measure once
where ours searches the curve and reports ten times.

one-hot      a column per category (encoded outside the time), new matrices for each trial;
             LightGBM bundles such columns into one again, so it has little to gain here
saved model  shared matrices; at each of ten rungs the model is written, read and continued
fit a point  shared matrices; each (configuration, n_estimators) point is a training of its own

Values must be equal against a fit a point, and against a saved model, where no rows are sampled:
with row sampling a model continued from a file is another model.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import mean
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import lightgbm
import numpy as np
import xgboost

from trainables import boosters, tabular
from trainables.base import DataRequest
from trainables.data.tabular import TabularData, load
from trainables.metrics import rmse

RESULTS = Path(__file__).parent / "results" / "trees.json"
RUNGS = 10
CONFIGS = (
    {"learning_rate": 0.1, "max_depth": 6, "subsample": 1.0},
    {"learning_rate": 0.03, "max_depth": 4, "subsample": 0.8},
    {"learning_rate": 0.2, "max_depth": 8, "subsample": 0.6},
    {"learning_rate": 0.05, "max_depth": 10, "subsample": 0.9},
)

Config = dict[str, Any]
Values = list[float]


@dataclass
class Recorder:
    """A context that keeps the curve at the end of each step and lets no trial end before."""

    model: str
    data: TabularData
    max_steps: int
    seed: int = 0
    device: str = "cpu"
    threads: int = 1
    final: bool = False
    options: Config = field(default_factory=lambda: {"early_stopping": 0})
    curve: Values = field(default_factory=list)

    def report(self, step: int, value: float, metrics: Config, config: Config | None) -> None:
        self.curve.append(metrics["curve"])


class XGBoost:
    """XGBoost as a user calls it, with our parameters."""

    name = "xgboost"

    def parameters(self, config: Config) -> Config:
        fixed = {"objective": "binary:logistic", "tree_method": "hist", "nthread": 1, "seed": 0}
        return {**fixed, "max_cat_to_onehot": boosters.SINGLE_CATEGORIES, **config}

    def matrix(self, x: Any, y: Any, categorical: Any) -> Any:
        return xgboost.QuantileDMatrix(x, y, **self.types(categorical))

    def rows(self, x: Any, categorical: Any) -> Any:
        return xgboost.DMatrix(x, **self.types(categorical))

    def types(self, categorical: Any) -> Config:
        types = ["c" if flag else "q" for flag in categorical]
        return {"feature_types": types, "enable_categorical": True, "nthread": 1}

    def fit(self, config: Config, rounds: int, matrix: Any, start: Any = None) -> Any:
        return xgboost.train(self.parameters(config), matrix, rounds, xgb_model=start)

    def predict(self, booster: Any, rows: Any) -> Any:
        return booster.predict(rows)

    def reread(self, booster: Any) -> Any:
        return xgboost.Booster(model_file=booster.save_raw())

    def forget(self, matrix: Any) -> None:
        """Nothing of a model sticks to the matrix."""


class LightGBM:
    """LightGBM as a user calls it, with our parameters."""

    name = "lightgbm"

    def parameters(self, config: Config) -> Config:
        return {
            "objective": "binary",
            "num_leaves": min(2 ** config["max_depth"], boosters.MAX_LEAVES),
            "max_cat_to_onehot": boosters.SINGLE_CATEGORIES,
            "bagging_freq": 1,
            "seed": 0,
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
            **config,
        }

    def matrix(self, x: Any, y: Any, categorical: Any) -> Any:
        columns = np.flatnonzero(categorical).tolist()
        parameters = {"verbosity": -1, "num_threads": 1, "feature_pre_filter": False}
        return lightgbm.Dataset(
            x, y, categorical_feature=columns, params=parameters, free_raw_data=False
        ).construct()

    def rows(self, x: Any, categorical: Any) -> Any:
        return x

    def fit(self, config: Config, rounds: int, matrix: Any, start: Any = None) -> Any:
        return lightgbm.train(self.parameters(config), matrix, rounds, init_model=start)

    def predict(self, booster: Any, rows: Any) -> Any:
        return booster.predict(rows, num_threads=1)

    def reread(self, booster: Any) -> Any:
        return lightgbm.Booster(model_str=booster.model_to_string())

    def forget(self, matrix: Any) -> None:
        """A continued model leaves its scores in the shared matrix."""
        matrix._set_predictor(None)
        matrix.set_field("init_score", None)


class Others:
    """The ways that ours is compared with; each returns the errors that it measured."""

    def __init__(self, library: XGBoost | LightGBM, data: TabularData) -> None:
        self.library = library
        self.y, self.truth = data.y[data.train], data.y[data.validation].astype(float)
        self.x, self.valid = _one_hot(data, data.train), _one_hot(data, data.validation)
        whole = tabular._with_missing(data.x, tabular._missing_codes(data))
        self.matrix = library.matrix(whole[data.train], self.y, data.categorical)
        self.rows = library.rows(whole[data.validation], data.categorical)

    def one_hot(self, configs: Sequence[Config], rounds: int) -> Values:
        numeric = np.zeros(self.x.shape[1], bool)
        values = []
        for config in configs:
            booster = self.library.fit(config, rounds, self.library.matrix(self.x, self.y, numeric))
            values.append(self.error(booster, self.library.rows(self.valid, numeric)))
        return values

    def saved_model(self, configs: Sequence[Config], rounds: int) -> Values:
        values: Values = []
        for config in configs:
            start = None
            for _ in range(RUNGS):
                booster = self.library.fit(config, rounds // RUNGS, self.matrix, start)
                values.append(self.error(booster, self.rows))
                start = self.library.reread(booster)
            self.library.forget(self.matrix)
        return values

    def fit_a_point(self, configs: Sequence[Config], rounds: int, points: int) -> Values:
        return [
            self.error(self.library.fit(config, rounds * point // points, self.matrix), self.rows)
            for config in configs
            for point in range(1, points + 1)
        ]

    def error(self, booster: Any, rows: Any) -> float:
        return rmse(self.truth, self.library.predict(booster, rows).astype(float))


def _one_hot(data: TabularData, rows: Any) -> Any:
    """A column per category of the training rows; a missing one is a row of zeros."""
    columns = []
    for column, categorical in zip(data.x.T, data.categorical, strict=True):
        seen = column[data.train]
        wide = column[rows, None]
        columns.append(wide == np.unique(seen[~np.isnan(seen)]) if categorical else wide)
    return np.hstack(columns).astype(np.float32)


def ours(
    data: TabularData, model: str, configs: Sequence[Config], rounds: int, steps: int = RUNGS
) -> Values:
    values: Values = []
    for config in configs:
        recorder = Recorder(model, data, steps)
        tabular.train({**config, "n_estimators": rounds}, recorder)  # type: ignore[arg-type]
        values += recorder.curve
    return values


@dataclass(frozen=True)
class Measure:
    """Two ways to the same trials, and how many times less ours is to cost."""

    name: str
    goal: float
    ours: Callable[[], Values]
    other: Callable[[], Values]
    equal: bool

    def run(self) -> dict[str, Any]:
        arms = {"ours": self.ours, "other": self.other}
        warm_up = {name: _timed(arm)[0] for name, arm in arms.items()}
        seconds: dict[str, Values] = {name: [] for name in arms}
        values: dict[str, Values] = {}
        for name in ("ours", "other", "ours", "other", "ours"):
            spent, values[name] = _timed(arms[name])
            seconds[name].append(spent)
        if self.equal and not np.allclose(values["ours"], values["other"], rtol=0, atol=1e-6):
            sys.exit(f"{self.name}: values differ: {values}")
        cost = {name: mean(spent) / len(CONFIGS) for name, spent in seconds.items()}
        times = cost["other"] / cost["ours"]
        verdict = "met" if times >= self.goal else "missed"
        print(
            f"{self.name:48}{cost['ours']:8.3f}{cost['other']:8.3f}{times:8.2f}x"
            f"  goal {self.goal}x {verdict}",
            flush=True,
        )
        return {
            "measure": self.name,
            "cpu_seconds_of_all_trials": seconds,
            "warm_up_cpu_seconds": warm_up,
            "times": times,
            "goal": self.goal,
            "values_checked_equal": self.equal,
        }


def _timed(arm: Callable[[], Values]) -> tuple[float, Values]:
    began, values = time.process_time(), arm()
    return time.process_time() - began, values


def measures(data: TabularData, library: XGBoost | LightGBM) -> list[Measure]:
    others, mine = Others(library, data), partial(ours, data, library.name)
    whole = [{**config, "subsample": 1.0} for config in CONFIGS]
    table: list[tuple[str, float, Callable[..., Values], Sequence[Config], tuple[int, ...]]] = [
        ("100 rounds, against one-hot", 1.8, others.one_hot, CONFIGS, (100,)),
        ("300 rounds, against one-hot", 1.8, others.one_hot, CONFIGS, (300,)),
        ("100 rounds, against a saved model", 1.6, others.saved_model, whole, (100,)),
        ("300 rounds, against a saved model", 3.0, others.saved_model, whole, (300,)),
        ("4 points, against a fit a point", 1.8, others.fit_a_point, CONFIGS, (300, 4)),
        ("10 points, against a fit a point", 5.0, others.fit_a_point, CONFIGS, (300, 10)),
    ]
    return [
        Measure(
            f"{library.name}, {name}",
            goal,
            partial(mine, configs, *size),
            partial(other, configs, *size),
            equal=other != others.one_hot,
        )
        for name, goal, other, configs, size in table
    ]


def main() -> None:
    shared = os.environ.get("WARMTUNE_SHARED")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(shared) / "data" if shared else None
    parser.add_argument("--data-dir", type=Path, default=default, help="holds UCI's adult")
    directory = parser.parse_args().data_dir
    if directory is None or not directory.is_dir():
        sys.exit("skipped: no data. Name their folder with --data-dir or $WARMTUNE_SHARED.")
    data = load(DataRequest("adult", 0, directory=directory)).payload
    print(f"{'CPU-seconds per trial':48}{'ours':>8}{'other':>8}")
    found = [measure for library in (XGBoost(), LightGBM()) for measure in measures(data, library)]
    record = {
        "date": date.today().isoformat(),
        "cpus": os.cpu_count(),
        "python": sys.version.split()[0],
        "versions": {name: version(name) for name in ("xgboost", "lightgbm", "numpy")},
        "configurations": CONFIGS,
        "measures": [measure.run() for measure in found],
    }
    RESULTS.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
