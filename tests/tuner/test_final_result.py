"""What the final fits come to: the mean over the seeds and its t-interval."""

import pytest
from scipy import stats

from tuner.events import FinalFit
from tuner.final_result import FinalResult, final_seeds

VALUES = [0.61, 0.64, 0.60, 0.63]


def result(*values: float) -> FinalResult:
    fits = [
        FinalFit({"x": 1}, value, {"mae": value / 2}, 1.0, seed)
        for seed, value in enumerate(values)
    ]
    return FinalResult(tuple(fits))


def test_the_interval_is_that_of_scipys_t_distribution() -> None:
    low, high = stats.t.interval(0.95, 3, loc=0.62, scale=stats.sem(VALUES))
    shown = result(*VALUES).to_json()
    assert shown["value"] == pytest.approx(0.62)
    assert shown["interval"] == pytest.approx([low, high])
    assert shown["metrics"] == {"mae": pytest.approx(0.31)}


def test_one_seed_has_no_interval_and_no_plus_minus() -> None:
    assert result(0.5).to_json()["interval"] is None
    assert result(0.5).text() == "0.5 on test"
    assert result(*VALUES).text() == "0.62 ± 0.029 on test (4 seeds)"


def test_a_metric_that_a_seed_lacks_has_no_mean() -> None:
    fits = (FinalFit({}, 0.5, {"mae": 0.1, "auc": 0.9}), FinalFit({}, 0.6, {"mae": 0.3}))
    assert FinalResult(fits).metrics == {"mae": pytest.approx(0.2)}


def test_the_first_seed_is_the_studys_own_and_more_seeds_change_none() -> None:
    assert final_seeds(7, 1) == [7]
    assert final_seeds(7, 5)[:3] == final_seeds(7, 3)
    seeds = [seed for study in range(50) for seed in final_seeds(study, 5)[1:]]
    assert len(set(seeds)) == 200
