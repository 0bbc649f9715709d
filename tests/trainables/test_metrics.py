import numpy as np
import pytest
from sklearn import metrics as reference

from trainables.metrics import LARGER_IS_BETTER, METRICS, measure


def predicted(seed: int, dtype: type, rows: int = 500) -> tuple[np.ndarray, np.ndarray]:
    """Classes and probabilities with ties, some certain and wrong."""
    rng = np.random.default_rng(seed)
    probability = np.round(rng.random(rows), 2).astype(dtype)
    return (rng.random(rows) < probability * 0.9 + 0.05).astype(np.float64), probability


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(3))
def test_the_binary_metrics_are_those_of_scikit_learn(seed: int, dtype: type) -> None:
    truth, probability = predicted(seed, dtype)
    side = probability > 0.5
    expected = {
        "rmse": reference.brier_score_loss(truth, probability) ** 0.5,
        "mae": reference.mean_absolute_error(truth, probability),
        "accuracy": reference.accuracy_score(truth, side),
        "macro_f1": reference.f1_score(truth, side, average="macro"),
        "auc": reference.roc_auc_score(truth, probability),
        "log_loss": reference.log_loss(truth, probability),
    }
    assert measure("binary", truth, probability) == pytest.approx(expected, rel=1e-6)


def test_the_regression_metrics_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth, prediction = rng.normal(size=(2, 300))
    assert measure("regression", truth, prediction) == pytest.approx(
        {
            "rmse": reference.root_mean_squared_error(truth, prediction),
            "mae": reference.mean_absolute_error(truth, prediction),
        }
    )


@pytest.mark.filterwarnings("ignore:F-score is ill-defined")
def test_macro_f1_counts_a_class_that_is_never_predicted() -> None:
    truth, never = np.array([0.0, 0, 1]), np.zeros(3)
    expected = reference.f1_score(truth, never > 0.5, average="macro")
    assert METRICS["binary"]["macro_f1"](truth, never) == pytest.approx(expected)


def test_log_loss_stays_finite_on_a_certain_mistake() -> None:
    assert np.isfinite(METRICS["binary"]["log_loss"](np.array([1.0]), np.array([0.0])))


def test_metrics_that_are_to_grow_are_larger_for_the_truth_than_for_its_opposite() -> None:
    truth = np.array([0.0, 1, 1, 0])
    for name, metric in METRICS["binary"].items():
        grows = metric(truth, truth) > metric(truth, 1 - truth)
        assert grows == (name in LARGER_IS_BETTER), name
