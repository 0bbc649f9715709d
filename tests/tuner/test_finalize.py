"""The final fit: the only training that sees the test data."""

from pathlib import Path

import numpy
import pytest

from tests.tuner.studies import METRIC
from trainables import tabular
from trainables.base import DataRequest
from tuner.context import TrialSetting
from tuner.errors import NoTrialCompleted
from tuner.finalize import final_fit

CONFIG = {"learning_rate": 0.1, "max_depth": 3, "n_estimators": 100, "subsample": 1.0}


def setting(tmp_path: Path, trainable: str, model: str = "") -> TrialSetting:
    return TrialSetting(trainable, model, METRIC, 10, (1, 3, 9), tmp_path / "checkpoints")


def test_the_last_value_counts_and_no_rung_interrupts(tmp_path: Path) -> None:
    tested = final_fit(setting(tmp_path, "toy"), None, {"x": 0.3, "y": 0.7}, seed=1)
    assert tested.value == pytest.approx(numpy.exp(-5))
    assert tested.config == {"x": 0.3, "y": 0.7}


def test_a_final_fit_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(NoTrialCompleted, match=r"final fit: RuntimeError.*--no-finalize"):
        final_fit(setting(tmp_path, "toy"), None, {"mode": "raise"}, seed=1)


def test_the_test_value_is_measured_on_the_test_rows(tmp_path: Path) -> None:
    data = tabular.load(DataRequest("diabetes", 0)).payload
    metric = METRIC.__class__("rmse", "min", 0.0)
    where = TrialSetting("tabular", "xgboost", metric, 10, (), tmp_path / "checkpoints")
    before = final_fit(where, data, CONFIG, seed=1)
    truth = data.y[data.test]
    assert before.metrics["rmse"] == before.value
    assert 0.5 * truth.std() < before.value < 1.2 * truth.std()
