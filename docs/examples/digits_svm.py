"""Handwritten digits with a support vector machine, trained on growing shares of the data."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from trainables.base import Context


def train(config: Mapping[str, Any], context: Context) -> None:
    """One trial: step s fits on s tenths of the training data and reports the accuracy."""
    fit, measured = split(context.final)
    for step in range(1, context.max_steps + 1):
        rows = len(fit[0]) * step // context.max_steps
        model = SVC(C=config["c"], gamma=config["gamma"], kernel=config["kernel"])
        model.fit(fit[0][:rows], fit[1][:rows])
        context.report(step, model.score(*measured))


def split(final: bool) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Rows to fit and to measure on; the test rows only in the final fit."""
    x, y = load_digits(return_X_y=True)
    rest_x, test_x, rest_y, test_y = train_test_split(x / 16, y, test_size=0.15, random_state=0)
    if final:
        return (rest_x, rest_y), (test_x, test_y)
    fit_x, val_x, fit_y, val_y = train_test_split(rest_x, rest_y, test_size=0.18, random_state=0)
    return (np.asarray(fit_x), fit_y), (val_x, val_y)
