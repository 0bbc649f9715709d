"""The records, and that they survive JSON exactly."""

import json
import math
from typing import Any

import pytest

from meta.space import Categorical, Float, Int, SearchSpace
from meta.study import Measurement, Metric, Study, Task, Trial, TrialState

SPACE = SearchSpace({"x": Float(0.0, 1.0), "n": Int(1, 9), "kind": Categorical(("a", True, 3))})
CURVE = (
    Measurement(1, 0.1 + 0.2, 0.5, {"auc": 0.9}),
    Measurement(4, 1 / 3, 1.25, {"auc": 1e-300}, {"n": 4}),
)
TRIALS = (
    Trial(0, {"x": 0.1, "n": 9, "kind": True}, TrialState.COMPLETED, CURVE, "", "tpe", 7, 1.5),
    Trial(1, {"x": 1e-17, "n": 1, "kind": "a"}, TrialState.DIVERGED, (), "rmse is nan", "default"),
    Trial(2, {"x": 0.5, "n": 2, "kind": 3}),
)


def study(*trials: Trial, mode: str = "min") -> Study:
    metric = Metric("rmse", mode, low=0.0)
    return Study(
        "id", Task("wine", "trees"), SPACE, metric, 3, "cold", trials, {"rows": 10.0}, "f00d"
    )


def completed(id: int, value: float) -> Trial:
    return Trial(id, {}, TrialState.COMPLETED, (Measurement(1, value, 0.1),))


@pytest.mark.parametrize("state", TrialState)
def test_a_trial_runs_or_was_trained_or_failed(state: TrialState) -> None:
    assert [state is TrialState.RUNNING, state.trained, state.failed].count(True) == 1


def test_a_study_survives_json_exactly() -> None:
    original = study(*TRIALS)
    assert Study.from_json(json.loads(json.dumps(original.to_json()))) == original


def test_a_study_of_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="study format 2, this reads 1"):
        Study.from_json({**study().to_json(), "version": 2})


@pytest.mark.parametrize(
    "change",
    [
        {"id": "one"},
        {"state": "SLEEPING"},
        {"config": {"x": [1]}},
        {"config": {"x": None}},
        {"seconds": "long"},
        {"measurements": [{**CURVE[0].to_json(), "value": "good"}]},
        {"measurements": [{**CURVE[0].to_json(), "metrics": {"auc": "good"}}]},
        {"measurements": [{**CURVE[0].to_json(), "config": {"n": {}}}]},
    ],
)
def test_a_record_with_a_value_of_another_type_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Trial.from_json({**TRIALS[0].to_json(), **change})


def test_a_trial_is_worth_its_last_measurement() -> None:
    assert (TRIALS[0].value, TRIALS[0].step) == (1 / 3, 4)
    assert (TRIALS[2].value, TRIALS[2].step) == (None, 0)


def test_what_a_trial_recommends_is_what_its_last_value_belongs_to() -> None:
    assert TRIALS[0].recommended == {"x": 0.1, "n": 4, "kind": True}
    assert TRIALS[2].recommended == TRIALS[2].config


@pytest.mark.parametrize(("mode", "ranking"), [("min", [1, 2, 0]), ("max", [0, 2, 1])])
def test_the_completed_trials_are_ranked_best_first(mode: str, ranking: list[int]) -> None:
    better_but_stopped = Trial(3, {}, TrialState.STOPPED, (Measurement(1, 9.0, 0.1),))
    trials = [completed(id, value) for id, value in enumerate((0.3, 0.1, 0.2))]
    ranked = study(*trials, better_but_stopped, mode=mode)
    assert [trial.id for trial in ranked.ranking] == ranking
    assert ranked.best == ranked.ranking[0]


def test_a_study_without_a_completed_trial_has_no_best() -> None:
    assert study(*TRIALS[1:]).best is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_must_be_finite(value: float) -> None:
    assert Metric("rmse", "min").problem(value) == f"rmse is {value}"


def test_a_value_must_lie_in_the_range_of_its_metric() -> None:
    metric = Metric("accuracy", "max", 0.0, 1.0)
    assert metric.problem(0.0) is None
    assert metric.problem(1.0) is None
    assert metric.problem(37) == "accuracy 37 is outside [0, 1]"


@pytest.mark.parametrize("metric", [Metric("a", "max", 0.0, 1.0), Metric("b", "min", low=0.0)])
def test_a_metric_survives_json(metric: Metric) -> None:
    assert Metric.from_json(json.loads(json.dumps(metric.to_json()))) == metric


def test_a_smaller_loss_is_better_whatever_the_mode() -> None:
    assert Metric("accuracy", "max").loss(0.9) < Metric("accuracy", "max").loss(0.8)
    assert Metric("rmse", "min").loss(0.8) < Metric("rmse", "min").loss(0.9)


def test_a_task_is_named_by_data_and_model() -> None:
    assert Task("wine-quality", "xgboost").id == "wine-quality-xgboost"
