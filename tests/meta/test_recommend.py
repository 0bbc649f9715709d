"""Which configurations a study starts with."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta.history import sift
from meta.recommend import Recommendation, recommend
from meta.space import Categorical, Float, Int, SearchSpace
from meta.study import Measurement, Metric, Study, Task, Trial, TrialState

SPACE = SearchSpace({"x": Float(0.0, 100.0, default=50.0), "n": Int(100, 1000, default=300)})
MIXED = SearchSpace({"x": Float(0.01, 1.0, log=True), "kind": Categorical(("a", "b"))})
RMSE = Metric("rmse", "min")


def trial(id: int, x: float, value: float, state: TrialState = TrialState.COMPLETED) -> Trial:
    return Trial(id, {"x": x, "n": 300}, state, (Measurement(1, value, 0.1),))


def study(id: str, *xs: float, dataset: str = "wine", metric: Metric = RMSE) -> Study:
    """A study of which the configurations are given best first."""
    sign = -1 if metric.mode == "max" else 1
    trials = tuple(trial(rank, x, sign * float(rank)) for rank, x in enumerate(xs))
    return Study(id, Task(dataset, "trees"), SPACE, metric, 0, "warm", trials)


def xs(recommendations: list[Recommendation]) -> list[object]:
    return [recommendation.config["x"] for recommendation in recommendations]


def test_without_a_past_the_default_is_recommended_alone() -> None:
    assert recommend([], SPACE, 5) == [Recommendation({"x": 50.0, "n": 300}, "default")]


def test_no_point_is_recommended_where_none_is_asked_for() -> None:
    assert recommend([study("a", 1.0)], SPACE, 0) == []


def test_the_default_comes_first_then_the_best_of_each_study_then_the_second_best() -> None:
    past = [study("a", 1.0, 2.0, 3.0), study("b", 11.0, 12.0, 13.0)]
    assert xs(recommend(past, SPACE, 5)) == [50.0, 1.0, 11.0, 2.0, 12.0]


def test_better_means_larger_for_a_metric_to_maximise() -> None:
    past = study("a", 1.0, 2.0, metric=Metric("accuracy", "max"))
    assert xs(recommend([past], SPACE, 4)) == [50.0, 1.0, 2.0]


def test_one_study_gives_at_most_half_of_the_points() -> None:
    past = study("a", *(float(x) for x in range(20)))
    assert len(recommend([past], SPACE, 10)) == 1 + 5


def test_studies_of_the_same_data_set_are_asked_first() -> None:
    past = [study("a", 1.0, dataset="adult"), study("b", 2.0)]
    assert xs(recommend(past, SPACE, 3, "wine")) == [50.0, 2.0, 1.0]


def test_what_several_studies_found_is_recommended_once() -> None:
    past = [study("a", 50.0, 1.0), study("b", 1.0, 2.0)]
    assert xs(recommend(past, SPACE, 9)) == [50.0, 1.0, 2.0]


def test_only_completed_trials_are_recommended() -> None:
    stopped = trial(9, 7.0, -1.0, TrialState.STOPPED)
    past = study("a", 1.0)
    assert xs(recommend([past.with_trials((*past.trials, stopped))], SPACE, 9)) == [50.0, 1.0]


def test_the_length_that_was_best_is_recommended_not_the_one_that_ran() -> None:
    curve = (Measurement(1, 0.5, 0.1), Measurement(2, 0.4, 0.2, config={"n": 430}))
    ran = Trial(0, {"x": 1.0, "n": 800}, TrialState.COMPLETED, curve)
    past = study("a").with_trials((ran,))
    assert recommend([past], SPACE, 2)[1].config == {"x": 1.0, "n": 430}


def test_each_point_says_why_and_where_it_comes_from() -> None:
    _, best, second = recommend([study("a", 1.0, 2.0)], SPACE, 4)
    assert best.reason == "best of 2 in wine-trees warm seed 0"
    assert second.reason == "number 2 of 2 in wine-trees warm seed 0"
    assert best.sources == second.sources == ("a",)


def test_a_poisoned_study_among_honest_ones_gives_one_point_of_each_round() -> None:
    honest = [study(f"honest {n}", *(n * 10.0 + i for i in range(5))) for n in range(1, 5)]
    poison = study("poison", *(90.0 + i / 100 for i in range(1000)))
    points = recommend([poison, *honest], SPACE, 11)
    assert sum(point.sources == ("poison",) for point in points) == 2


values = st.one_of(
    st.floats(),
    st.integers(),
    st.text(max_size=5),
    st.booleans(),
    st.sampled_from(["a", "b", "0.5", "1e-1", "None"]),
)
configs = st.dictionaries(st.sampled_from(["x", "kind", "extra"]), values)
results = st.lists(st.tuples(configs, st.floats()), max_size=8)


@settings(max_examples=200, deadline=None)
@given(st.lists(results, max_size=5), st.integers(0, 8))
def test_whatever_the_past_holds_the_points_lie_in_the_space_without_repeats(
    past: list[list[tuple[dict[str, float | int | str | bool], float]]], points: int
) -> None:
    studies = [
        study(str(index)).with_trials(
            tuple(
                Trial(id, config, TrialState.COMPLETED, (Measurement(1, value, 0.1),))
                for id, (config, value) in enumerate(trials)
            )
        )
        for index, trials in enumerate(past)
    ]
    kept = sift(studies, "trees", MIXED, RMSE).kept
    assert all(math.isfinite(trial.value or 0) for study in kept for trial in study.trials)
    recommended = recommend(kept, MIXED, points)
    assert len(recommended) <= points
    assert recommended[:1] == [Recommendation(MIXED.default(), "default")][:points]
    for index, point in enumerate(recommended):
        assert MIXED.problems(point.config) == []
        assert point.config not in [other.config for other in recommended[:index]]


@pytest.mark.parametrize("points", [2, 3, 5, 20])
def test_no_more_points_than_asked_for(points: int) -> None:
    past = [study(str(n), *(n * 10.0 + i for i in range(9))) for n in range(6)]
    assert len(recommend(past, SPACE, points)) == points
