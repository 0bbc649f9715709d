"""The measures behind the claims about the meta-learner, on curves whose scores are known."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.transfer_scores import (
    KEY,
    Interval,
    aulr,
    distance,
    interval,
    paired,
    scores,
    trials_to_match,
    trials_to_reach,
)


def runs(method: str, by_task: dict[tuple[str, str], list[list[float]]]) -> pd.DataFrame:
    """One run per curve; the seeds count up within a task."""
    rows = {
        ("random", method, family, task, seed): curve
        for (family, task), seeds in by_task.items()
        for seed, curve in enumerate(seeds)
    }
    index = pd.MultiIndex.from_tuples(rows, names=KEY)
    frame = pd.DataFrame(list(rows.values()), index=index, dtype=float)
    return frame.assign(ms=4.0)


def test_r_is_one_at_the_median_and_zero_at_the_minimum_of_the_whole_table() -> None:
    table = np.array([2.0, 4.0, 6.0, 100.0, 3.0])

    assert distance(np.array([100.0, 4.0, 3.0, 2.0]), table) == pytest.approx([49, 1, 0.5, 0])


def test_aulr_is_the_mean_logarithm_with_a_floor_and_a_ceiling() -> None:
    assert aulr(np.zeros((1, 50))) == pytest.approx([-3])
    assert aulr(np.array([[1000.0, 0.099]])) == pytest.approx([(np.log10(10.001) - 1) / 2])


def test_trials_are_counted_from_one_and_one_too_many_means_never() -> None:
    curve = np.array([0.9, 0.5, 0.5, 0.1])

    assert trials_to_reach(curve, 0.5) == 2
    assert trials_to_reach(curve, 0.9) == 1
    assert trials_to_reach(curve, 0.0) == 5
    assert trials_to_reach(curve, float(np.float32(0.1))) == 4


def test_scores_are_taken_after_so_many_trials() -> None:
    curve = [1.0 / (trial + 1) for trial in range(50)]

    found = scores(runs("ours", {("trees", "wine"): [curve]})).iloc[0]

    assert [found[f"r{count}"] for count in (1, 5, 10, 25, 50)] == pytest.approx(
        [1, 1 / 5, 1 / 10, 1 / 25, 1 / 50]
    )
    assert found["log_r10"] == pytest.approx(np.log10(0.101))
    assert found["ms"] == 4.0


def test_trials_to_match_compare_the_mean_curves_of_a_task() -> None:
    cold = runs("tpe", {("trees", "wine"): [[1.0, 0.5, 0.2], [1.0, 0.5, 0.4]]})
    ours = runs("ours", {("trees", "wine"): [[0.5, 0.1, 0.1], [0.5, 0.5, 0.1]]})

    assert trials_to_match(ours, cold).to_dict() == {("trees", "wine"): 2.0}


def test_families_weigh_the_same_whatever_their_number_of_tasks() -> None:
    assert interval([np.zeros(10), np.full(2, 1.0)]).mean == 0.5


def test_an_interval_is_as_wide_as_the_tasks_differ() -> None:
    values = np.random.default_rng(0).normal(0.3, 1.0, size=400)

    found = interval([values])

    assert found.low < found.mean < found.high
    assert found.half_width == pytest.approx(1.96 / 20, rel=0.1)
    assert interval([np.full(5, 0.3)]).half_width == pytest.approx(0)


def test_seeds_of_a_task_are_not_taken_for_independent_tasks() -> None:
    tasks = {("trees", "a"): [[0.0]] * 50, ("trees", "b"): [[1.0]] * 50}
    ours = runs("ours", tasks)[0]
    theirs = runs("theirs", {key: [[0.0]] * 50 for key in tasks})[0]

    found = paired(ours, theirs)

    assert found["trees"].mean == 0.5
    assert (found["trees"].low, found["trees"].high) == (0, 1)


def test_only_runs_that_both_methods_have_are_compared() -> None:
    ours = runs("ours", {("trees", "a"): [[1.0], [9.0]], ("trees", "b"): [[2.0]]})[0]
    theirs = runs(
        "theirs", {("trees", "a"): [[3.0]], ("trees", "b"): [[3.0]], ("nets", "c"): [[3.0]]}
    )

    found = paired(ours, theirs[0])

    assert {name: item.mean for name, item in found.items()} == {"trees": -1.5, "mean": -1.5}


def test_a_family_of_one_task_has_no_interval() -> None:
    one = runs("ours", {("trees", "a"): [[1.0], [2.0]]})[0]

    assert paired(one, one) == {}


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.3, 0.09, "no harm"),
        (0.01, 0.09, "no harm"),
        (-0.1, 0.3, "undecided"),
        (0.2, 0.4, "harm"),
    ],
)
def test_no_harm_is_shown_only_by_an_interval_below_the_margin(
    low: float, high: float, verdict: str
) -> None:
    assert Interval((low + high) / 2, low, high).verdict(margin=0.1) == verdict


def test_power_is_even_where_the_margin_is_just_the_half_width() -> None:
    assert Interval(0, -0.1, 0.1).power(margin=0.1) == pytest.approx(0.5)
    assert Interval(0, -0.05, 0.05).power(margin=0.1) == pytest.approx(0.975, abs=1e-3)
    assert Interval(0, 0, 0).power(margin=0.1) == 1
