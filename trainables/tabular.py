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
- A trial ends when two steps brought nothing better; ``model.early_stopping`` changes that.
- With row sampling a model continued from a file is another model (the random state is not
  saved), so there are no checkpoints: a trial that lost its booster starts anew.

    python -m trainables.tabular --dataset diabetes --model xgboost --set learning_rate=0.05
"""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables import standalone
from trainables.base import EXAMPLE_FILE, Config, Context, Offer
from trainables.boosters import LIBRARIES, Grow, Part
from trainables.data.sources import SOURCES
from trainables.data.split import Rows
from trainables.data.table import Float32
from trainables.data.tabular import TabularData, load, locate
from trainables.metrics import LARGER_IS_BETTER, METRICS, Array, measure

DEFAULTS = {"learning_rate": 0.1, "max_depth": 6, "n_estimators": 300, "subsample": 1.0}
DESCRIPTION = "tabular.json"
MIN_ROUNDS = 100
STRIDE = 10
PATIENCE = 2
"""So many steps without anything better end a trial, unless ``early_stopping`` says otherwise. That
saves 32 % of the time of 42 studies on tables of R, and no best value would have been another."""

Parameters = tuple[tuple[str, Any], ...]


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
    booster, grow = _booster(parameters, context)
    if context.final:
        _test(grow, rounds, data, context)
        context.keep(partial(_keep, booster, data, context.model))
    else:
        _validate(grow, rounds, data, context)


def _test(grow: Grow, rounds: int, data: TabularData, context: Context) -> None:
    metrics = measure(data.kind, context.held_out.y.astype(np.float64), grow(rounds))
    context.report(context.max_steps, metrics[data.metric], {"rounds": rounds, **metrics})


def _keep(booster: Any, data: TabularData, model: str, folder: Path) -> None:
    """The booster in its own format, and what turns a row into what it was trained on.

    The example shows categories by their names.
    """
    booster.save_model(str(folder / LIBRARIES[model].file))
    description = {
        "model": model,
        "kind": data.kind,
        "columns": data.columns,
        "categories": data.categories,
        "missing_codes": [
            None if np.isnan(code) else code for code in _missing_codes(data).tolist()
        ],
    }
    (folder / DESCRIPTION).write_text(json.dumps(description, indent=2))
    names = [data.categories.get(column) for column in data.columns]
    rows = [[*map(_shown, row, names)] for row in data.x[:3]]
    (folder / EXAMPLE_FILE).write_text(json.dumps({"columns": data.columns, "data": rows}))


def _shown(value: np.float32, names: Sequence[str] | None) -> str | float | None:
    """As JSON holds it, a number with no more digits than it has."""
    if np.isnan(value):
        return None
    return names[int(value)] if names else float(str(value))


def predictor(folder: Path) -> Callable[[Any], NDArray[np.float64]]:
    """The kept model: from rows to predictions.

    Takes a DataFrame, whose columns are taken by name and whose categories are names or codes, or
    an array (n, columns) as ``TabularData.x`` is. Gives (n, 2) probabilities for two classes, else
    (n,) numbers. Raises ``KeyError`` for a missing column and ``ValueError`` for another number of
    columns.
    """
    description = json.loads((folder / DESCRIPTION).read_text())
    columns, model, names = (description[key] for key in ("columns", "model", "categories"))
    codes = np.array(description["missing_codes"], np.float32)  # None becomes NaN
    predict = LIBRARIES[model].read(folder / LIBRARIES[model].file, ~np.isnan(codes))

    def answer(table: Any) -> NDArray[np.float64]:
        if hasattr(table, "columns"):
            table = np.column_stack([_coded(table[name], names.get(name)) for name in columns])
        x = np.asarray(table, np.float32)
        if x.ndim != 2 or x.shape[1] != len(columns):
            raise ValueError(f"rows of {len(columns)} columns expected, got shape {x.shape}")
        predicted = np.asarray(predict(_with_missing(x, codes)), np.float64)
        if description["kind"] != "binary":
            return predicted
        return np.column_stack([1 - predicted, predicted])

    return answer


def _coded(column: Any, names: Sequence[str] | None) -> Any:
    """A column of a DataFrame with the code for each name; NaN for one that was never seen."""
    if names is None or np.issubdtype(np.asarray(column).dtype, np.number):
        return column
    codes = {name: code for code, name in enumerate(names)}
    return [codes.get(value, np.nan) for value in column]


def _validate(grow: Grow, total: int, data: TabularData, context: Context) -> None:
    truth, metric = data.y[data.validation].astype(np.float64), METRICS[data.kind][data.metric]
    better = max if data.metric in LARGER_IS_BETTER else min
    patience = int(context.options.get("early_stopping", PATIENCE))
    best: Prefix | None = None
    idle = 0
    for step, stops in enumerate(_schedule(total, context.max_steps), 1):
        before = best
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
        idle = idle + 1 if best is before else 0
        if best and 0 < patience <= idle:
            return


def _schedule(total: int, steps: int) -> Iterator[list[int]]:
    """For each step the round counts to measure at: multiples of ``STRIDE`` and the step's end."""
    start = 0
    for step in range(1, steps + 1):
        end = math.ceil(total * step / steps)
        yield [*range(start - start % STRIDE + STRIDE, end, STRIDE), end]
        start = end


def _booster(parameters: dict[str, Any], context: Context) -> tuple[Any, Grow]:
    """A fresh booster and what makes it grow; the final training has matrices of its own."""
    if context.model not in LIBRARIES:
        raise ValueError(f"unknown model {context.model!r}. Known: {', '.join(LIBRARIES)}")
    fixed = LIBRARIES[context.model].fixed & parameters.keys()
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


OFFER = Offer(
    datasets=tuple(SOURCES),
    models=tuple(LIBRARIES),
    metrics={
        name: "max" if name in LARGER_IS_BETTER else "min"
        for known in METRICS.values()
        for name in known
    },
    locate=locate,
    options=("early_stopping",),
)


if __name__ == "__main__":
    standalone.main(train, load, tuple(LIBRARIES))
