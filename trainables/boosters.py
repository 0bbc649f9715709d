"""XGBoost and LightGBM behind one face: matrices, a booster that grows, and a kept one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.base import Context
from trainables.data.table import Float32
from trainables.metrics import Array

MAX_LEAVES = 127
"""LightGBM grows leaf by leaf: ``2**max_depth`` leaves, but no more than this. With 255 and 1,023
the best validation values on Adult and Wine Quality were on the whole no better, a run longer."""

SINGLE_CATEGORIES = 64
"""Up to so many categories a split takes one against the rest, beyond it sets of them (the
libraries' default: 4). On Adult (14 configurations, 2 splits) that made the validation RMSE smaller
by 0.0010 ± 0.0003 with XGBoost and 0.0009 ± 0.0003 with LightGBM, in 18 % and 8 % less time."""

Part = tuple[Float32, Float32]
Shared = Mapping[str, Any]
Grow = Callable[[int], Array]
"""Boosts up to so many rounds and returns the predictions for the rows to measure on."""


def _xgboost_matrices(
    fit: Part, measured: Part, categorical: NDArray[np.bool_], threads: int, shared: Shared
) -> tuple[Any, Any]:
    import xgboost

    common: dict[str, Any] = {
        "feature_types": ["c" if flag else "q" for flag in categorical],
        "enable_categorical": True,
        "nthread": threads,
    }
    return (
        xgboost.QuantileDMatrix(*fit, **common, **shared),
        xgboost.DMatrix(*measured, **common),
    )


def _xgboost(
    parameters: Mapping[str, Any], context: Context, fit: Any, measured: Any
) -> tuple[Any, Grow]:
    import xgboost

    binary = context.data.kind == "binary"
    fixed = {
        "objective": "binary:logistic" if binary else "reg:squarederror",
        "tree_method": "hist",
        "max_cat_to_onehot": SINGLE_CATEGORIES,
        "seed": context.seed,
        "nthread": context.threads,
        "device": context.device,
    }
    booster = xgboost.Booster({**fixed, **parameters}, [fit, measured])

    def grow(rounds: int) -> Array:
        for round in range(booster.num_boosted_rounds(), rounds):
            booster.update(fit, round)
        return booster.predict(measured).astype(np.float64)  # adds the new trees to a cached sum

    return booster, grow


def _read_xgboost(file: Path, categorical: NDArray[np.bool_]) -> Callable[[Float32], Any]:
    import xgboost

    booster = xgboost.Booster(model_file=file)
    types = ["c" if flag else "q" for flag in categorical]

    def predict(x: Float32) -> Any:
        return booster.predict(xgboost.DMatrix(x, feature_types=types, enable_categorical=True))

    return predict


def _lightgbm_matrices(
    fit: Part, measured: Part, categorical: NDArray[np.bool_], threads: int, shared: Shared
) -> tuple[Any, Any]:
    import lightgbm

    # feature_pre_filter would drop columns by the min_data_in_leaf of the first trial for all.
    common = {"feature_pre_filter": False, "num_threads": threads, "verbosity": -1, **shared}
    columns = np.flatnonzero(categorical).tolist()
    matrix = lightgbm.Dataset(*fit, categorical_feature=columns, params=common).construct()
    return matrix, matrix.create_valid(*measured, params=common)


def _lightgbm(
    parameters: Mapping[str, Any], context: Context, fit: Any, measured: Any
) -> tuple[Any, Grow]:
    import lightgbm

    fixed = {
        "objective": context.data.kind,
        "metric": "None",
        "num_leaves": min(2 ** int(parameters["max_depth"]), MAX_LEAVES),
        "max_cat_to_onehot": SINGLE_CATEGORIES,
        "bagging_freq": 1,
        "seed": context.seed,
        "num_threads": context.threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    booster = lightgbm.Booster({**fixed, **parameters}, fit).add_valid(measured, "measured")
    done = 0

    def grow(rounds: int) -> Array:
        nonlocal done
        for _ in range(done, rounds):
            booster.update()
        done = rounds
        return _predicted(booster)

    return booster, grow


def _read_lightgbm(file: Path, _: NDArray[np.bool_]) -> Callable[[Float32], Any]:
    import lightgbm

    booster = lightgbm.Booster(model_file=file)
    return lambda x: booster.predict(x)


def _predicted(booster: Any) -> Array:
    """The predictions that LightGBM keeps up to date, which only an evaluation function sees."""
    kept = []

    def keep(prediction: Array, _: object) -> tuple[str, float, bool]:
        kept.append(prediction.copy())
        return "", 0.0, True

    booster.eval_valid(keep)
    return kept[0]


@dataclass(frozen=True)
class Library:
    """How a library takes its data (rows to fit, rows to measure on) and boosts on them.

    ``file`` is the name of a kept model. What is ``fixed`` when a matrix is built: trials that
    differ in it do not share one.
    """

    matrices: Callable[[Part, Part, NDArray[np.bool_], int, Shared], tuple[Any, Any]]
    start: Callable[[Mapping[str, Any], Context, Any, Any], tuple[Any, Grow]]
    read: Callable[[Path, NDArray[np.bool_]], Callable[[Float32], Any]]
    file: str
    fixed: frozenset[str]


LIBRARIES = {
    "xgboost": Library(
        _xgboost_matrices, _xgboost, _read_xgboost, "model.ubj", frozenset({"max_bin"})
    ),
    "lightgbm": Library(
        _lightgbm_matrices,
        _lightgbm,
        _read_lightgbm,
        "model.txt",
        frozenset(
            {"max_bin", "min_data_in_bin", "enable_bundle", "use_missing", "zero_as_missing"}
        ),
    ),
}
