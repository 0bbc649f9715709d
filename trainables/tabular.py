"""Boosted trees on tables: XGBoost and LightGBM, one training per configuration.

Measured 2026-11-24 on one core with the default configuration: validation RMSE, mean and standard
deviation over five splits, and CPU-seconds of a trial (300 rounds, matrices at hand)

                   XGBoost                   LightGBM
    adult          0.2954 ± 0.0017  0.79 s   0.2953 ± 0.0017  0.72 s
    wine-quality   0.696  ± 0.018   0.31 s   0.697  ± 0.020   0.12 s

and on Adult's official test set (``--split official --final``, seed 0): accuracy, AUC, log-loss
0.8746, 0.9288, 0.2739 (XGBoost) and 0.8720, 0.9269, 0.2777 (LightGBM). ``benchmarks/trees.py``
compares the cost of a trial with that of simpler ways.

How it works, and why it is fast:
- Matrices (binned, native categoricals) are built once per process and shared by its trials.
- A step is a tenth of the trial's own ``n_estimators``; the booster stays alive between steps.
- A boosting run contains all its prefixes. The curve is measured every ``STRIDE`` rounds, on
  predictions to which only the new trees are added. What is reported is the best prefix of at
  least ``MIN_ROUNDS`` rounds so far, with its ``n_estimators``; ``curve`` is the curve's value
  after ``rounds`` rounds, at the end of the step.
- With row sampling a model continued from a file is another model (the random state is not
  saved), so there are no checkpoints: a trial that lost its booster starts anew.

    python -m trainables.tabular --dataset diabetes --model xgboost --set learning_rate=0.05
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables import standalone
from trainables.base import Config, Context, Offer
from trainables.data.sources import SOURCES
from trainables.data.split import Rows
from trainables.data.table import Float32
from trainables.data.tabular import TabularData, load, locate
from trainables.metrics import LARGER_IS_BETTER, METRICS, Array, measure

DEFAULTS = {"learning_rate": 0.1, "max_depth": 6, "n_estimators": 300, "subsample": 1.0}
MIN_ROUNDS = 100
STRIDE = 10

MAX_LEAVES = 127
"""LightGBM grows leaf by leaf: ``2**max_depth`` leaves, but no more than this. With 255 and 1,023
the best validation values on Adult and Wine Quality were on the whole no better, a run longer."""

SINGLE_CATEGORIES = 64
"""Up to so many categories a split takes one against the rest, beyond it sets of them (the
libraries' default: 4). On Adult (14 configurations, 2 splits) that made the validation RMSE smaller
by 0.0010 ± 0.0003 with XGBoost and 0.0009 ± 0.0003 with LightGBM, in 18 % and 8 % less time."""

MATRIX_PARAMETERS = {
    "xgboost": {"max_bin"},
    "lightgbm": {"max_bin", "min_data_in_bin", "enable_bundle", "use_missing", "zero_as_missing"},
}
"""What is fixed when a matrix is built; trials that differ in it do not share one."""

Part = tuple[Float32, Float32]
Shared = Mapping[str, Any]
Parameters = tuple[tuple[str, Any], ...]
Grow = Callable[[int], Array]
"""Boosts up to so many rounds and returns the predictions for the rows to measure on."""


@dataclass(frozen=True)
class Prefix:
    """The first ``rounds`` rounds of a booster, and what they predict."""

    rounds: int
    prediction: Array
    value: float


def train(config: Config, context: Context) -> None:
    """Boost ``config`` step by step; keys beyond ``DEFAULTS`` go to the library as they are.

    Raises ``ValueError`` for an unknown model. Not for ``dart``: it changes earlier trees.
    """
    data: TabularData = context.data
    parameters = {**DEFAULTS, **config}
    rounds = int(parameters.pop("n_estimators"))
    grow = _booster(parameters, context)
    if context.final:
        _test(grow, rounds, data, context)
    else:
        _validate(grow, rounds, data, context)


def _test(grow: Grow, rounds: int, data: TabularData, context: Context) -> None:
    metrics = measure(data.kind, context.held_out.y.astype(np.float64), grow(rounds))
    context.report(context.max_steps, metrics[data.metric], {"rounds": rounds, **metrics})


def _validate(grow: Grow, total: int, data: TabularData, context: Context) -> None:
    truth, metric = data.y[data.validation].astype(np.float64), METRICS[data.kind][data.metric]
    better = max if data.metric in LARGER_IS_BETTER else min
    best: Prefix | None = None
    for step, stops in enumerate(_schedule(total, context.max_steps), 1):
        for rounds in stops:
            prediction = grow(rounds)
            last = Prefix(rounds, prediction, metric(truth, prediction))
            if rounds >= MIN_ROUNDS:
                best = better(best or last, last, key=lambda prefix: prefix.value)
        shown = best or last
        context.report(
            step,
            shown.value,
            {
                "rounds": last.rounds,
                "curve": last.value,
                **measure(data.kind, truth, shown.prediction),
            },
            {"n_estimators": best.rounds} if best else None,
        )


def _schedule(total: int, steps: int) -> Iterator[list[int]]:
    """For each step the round counts to measure at: multiples of ``STRIDE`` and the step's end."""
    start = 0
    for step in range(1, steps + 1):
        end = math.ceil(total * step / steps)
        yield [*range(start - start % STRIDE + STRIDE, end, STRIDE), end]
        start = end


def _booster(parameters: dict[str, Any], context: Context) -> Grow:
    """A fresh booster: on the matrices that the trials share, or on those of the final training."""
    if context.model not in LIBRARIES:
        raise ValueError(f"unknown model {context.model!r}. Known: {', '.join(LIBRARIES)}")
    fixed = MATRIX_PARAMETERS[context.model] & parameters.keys()
    shared = tuple(sorted((name, parameters[name]) for name in fixed))
    if context.final:
        every = np.concatenate([context.data.train, context.data.validation])
        parts = _rows(context.data, every), (context.held_out.x, context.held_out.y)
        matrices = _build(context.data, context.model, context.threads, shared, *parts)
    else:
        matrices = _matrices(context.data, context.model, context.threads, shared)
    return LIBRARIES[context.model].start(parameters, context, *matrices)


@lru_cache(maxsize=4)
def _matrices(data: TabularData, model: str, threads: int, shared: Parameters) -> tuple[Any, Any]:
    """The training and validation rows in the form of the library.

    Built once per process: data sets are equal if their fingerprints are.
    """
    parts = _rows(data, data.train), _rows(data, data.validation)
    return _build(data, model, threads, shared, *parts)


def _rows(data: TabularData, rows: Rows) -> Part:
    return data.x[rows], data.y[rows]


def _build(
    data: TabularData, model: str, threads: int, shared: Parameters, fit: Part, measured: Part
) -> tuple[Any, Any]:
    """Rows to fit and to measure on in the form of the library, no category being missing."""
    codes = _missing_codes(data)
    whole = [(_with_missing(x, codes), y) for x, y in (fit, measured)]
    return LIBRARIES[model].matrices(whole[0], whole[1], data.categorical, threads, dict(shared))


def _missing_codes(data: TabularData) -> Float32:
    """For each column the code of a missing category; NaN for a number."""
    highest = np.nanmax(data.x, axis=0, initial=-1)
    return np.where(data.categorical, highest + 1, np.nan).astype(np.float32)


def _with_missing(x: Float32, codes: Float32) -> Float32:
    """The rows with a category of its own for each missing one, and for those never seen.

    Without gaps XGBoost takes its dense way: a fifth less time on Adult.
    """
    return np.where(~np.isnan(codes) & ~(x < codes), codes, x)


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


def _xgboost(parameters: Mapping[str, Any], context: Context, fit: Any, measured: Any) -> Grow:
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

    return grow


def _lightgbm_matrices(
    fit: Part, measured: Part, categorical: NDArray[np.bool_], threads: int, shared: Shared
) -> tuple[Any, Any]:
    import lightgbm

    # feature_pre_filter would drop columns by the min_data_in_leaf of the first trial for all.
    common = {"feature_pre_filter": False, "num_threads": threads, "verbosity": -1, **shared}
    columns = np.flatnonzero(categorical).tolist()
    matrix = lightgbm.Dataset(*fit, categorical_feature=columns, params=common).construct()
    return matrix, matrix.create_valid(*measured, params=common)


def _lightgbm(parameters: Mapping[str, Any], context: Context, fit: Any, measured: Any) -> Grow:
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

    return grow


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
    """How a library takes its data (rows to fit, rows to measure on) and starts a booster."""

    matrices: Callable[[Part, Part, NDArray[np.bool_], int, Shared], tuple[Any, Any]]
    start: Callable[[Mapping[str, Any], Context, Any, Any], Grow]


LIBRARIES = {
    "xgboost": Library(_xgboost_matrices, _xgboost),
    "lightgbm": Library(_lightgbm_matrices, _lightgbm),
}

OFFER = Offer(
    datasets=tuple(SOURCES),
    models=tuple(LIBRARIES),
    metrics={
        name: "max" if name in LARGER_IS_BETTER else "min"
        for known in METRICS.values()
        for name in known
    },
    locate=locate,
)


if __name__ == "__main__":
    standalone.main(train, load, tuple(LIBRARIES))
