"""Handwritten digits with a support vector machine, trained on growing shares of the data."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from trainables.base import Context, Data, DataRequest


def load(request: DataRequest) -> Data:
    """The digits in three parts drawn by the study's seed, of which trials get two."""
    x, y = load_digits(return_X_y=True)
    rest_x, test_x, rest_y, test_y = train_test_split(x / 16, y, random_state=request.seed)
    parts = train_test_split(rest_x, rest_y, random_state=request.seed)
    return Data(
        payload=parts,
        fingerprint=f"digits, split {request.seed}",
        features={"log10_rows": np.log10(len(rest_y)), "classes": 10.0},
        rows={"train": len(parts[2]), "validation": len(parts[3]), "test": len(test_y)},
        held_out=(test_x, test_y),
    )


def train(config: Mapping[str, Any], context: Context) -> None:
    """One trial: each step fits on more of the training data and reports the accuracy."""
    fit_x, measured_x, fit_y, measured_y = context.data
    if context.final:
        fit_x, fit_y = np.concatenate([fit_x, measured_x]), np.concatenate([fit_y, measured_y])
        measured_x, measured_y = context.held_out
    for step in range(1, context.max_steps + 1):
        rows = len(fit_x) * step // context.max_steps
        model = SVC(C=config["c"], gamma=config["gamma"], kernel=config["kernel"])
        model.fit(fit_x[:rows], fit_y[:rows])
        context.report(step, model.score(measured_x, measured_y))
