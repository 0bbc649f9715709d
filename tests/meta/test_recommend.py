"""Which configurations a study starts with."""

import math
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta.encoding import Encoding
from meta.history import sift
from meta.prior import fit_prior
from meta.recommend import Recommendation, recommend
from meta.space import Categorical, Config, Float, Int, SearchSpace
from meta.study import Measurement, Metric, Study, Trial, TrialState
from tests.meta.records import study, trial

SPACE = SearchSpace({"x": Float(0.0, 100.0, default=50.0), "n": Int(100, 1000, default=300)})
DEFAULT: Config = {"x": 50.0, "n": 300}
MIXED = SearchSpace({"x": Float(0.01, 1.0, log=True), "kind": Categorical(("a", "b"))})
RMSE = Metric("rmse", "min")


def recommended(
    studies: Sequence[Study],
    points: int = 5,
    space: SearchSpace = SPACE,
    related: list[float] | None = None,
) -> list[Recommendation]:
    """Of studies of the same data, unless ``related`` says otherwise."""
    encoding = Encoding(space)
    prior = fit_prior(studies, encoding, related or [1.0] * len(studies))
    return recommend(prior, encoding, points, {})


def tried(id: int, x: float, *values: float, state: TrialState = TrialState.COMPLETED) -> Trial:
    return trial(id, {"x": x, "n": 300}, *values, state=state)


def valley(name: str, lowest: float, places: Sequence[float] = range(0, 101, 5)) -> Study:
    """A study whose values rise with the distance from the lowest place."""
    trials = (tried(i, float(x), abs(x - lowest)) for i, x in enumerate(places))
    return study(trials, SPACE, name=name)


def xs(recommendations: list[Recommendation]) -> list[object]:
    return [recommendation.config["x"] for recommendation in recommendations]


def test_without_a_past_the_default_is_recommended_alone() -> None:
    assert recommended([]) == [Recommendation(DEFAULT, "default")]


@pytest.mark.parametrize("past", [[], [valley("a", 20)]])
def test_no_point_is_recommended_where_none_is_asked_for(past: list[Study]) -> None:
    assert recommended(past, 0) == []


def test_where_one_point_is_asked_for_it_is_the_default() -> None:
    assert recommended([valley("a", 20)], 1) == [Recommendation(DEFAULT, "default")]


@pytest.mark.parametrize("points", [2, 3, 5, 20])
def test_no_more_points_than_asked_for_and_the_default_is_the_last(points: int) -> None:
    past = [valley(str(lowest), lowest) for lowest in range(5, 96, 10)]
    found = recommended(past, points)
    assert len(found) == points
    assert found[-1] == Recommendation(DEFAULT, "default")


def test_the_first_point_is_the_best_of_what_all_tasks_are_expected_to_like() -> None:
    past = [valley("a", 15), valley("b", 20), valley("c", 25)]
    assert recommended(past)[0].config == {"x": 20.0, "n": 300}


@pytest.mark.parametrize(("related", "place"), [(0.8, -1), (0.6, 0)])
def test_the_default_is_the_first_where_the_past_is_of_other_data(
    related: float, place: int
) -> None:
    past = [valley("a", 15), valley("b", 20)]
    found = recommended(past, related=[0.1, related])
    assert found[place] == Recommendation(DEFAULT, "default")
    assert [point.reason for point in found].count("default") == 1


def test_the_next_point_is_for_the_tasks_that_the_first_does_not_suit() -> None:
    past = [valley("a", 20), valley("b", 20), valley("c", 20), valley("d", 90)]
    first, second, *_ = xs(recommended(past))
    assert first == pytest.approx(20, abs=5)
    assert second == pytest.approx(90, abs=5)


def test_the_nearest_kin_is_asked_first() -> None:
    past = [valley("a", 20), valley("b", 80)]
    for related, lowest in (([1.0, 0.1], 20), ([0.1, 1.0], 80)):
        assert xs(recommended(past, related=related))[0] == pytest.approx(lowest, abs=5)


def test_better_means_larger_for_a_metric_to_maximise() -> None:
    lowest = valley("a", 20)
    largest = study(lowest.trials, SPACE, Metric("accuracy", "max"))
    assert xs(recommended([lowest]))[0] == pytest.approx(20, abs=5)
    assert xs(recommended([largest]))[0] == 100.0


@pytest.mark.parametrize("points", [2, 5, 10])
def test_one_study_gives_at_most_half_of_the_points(points: int) -> None:
    found = recommended([valley("a", 20)], points)
    assert len(found) == points // 2 + 1
    past = [valley("a", 20), valley("b", 70, range(60, 81, 10))]
    sources = Counter(point.sources for point in recommended(past, points))
    assert sources["a",] <= points // 2


def test_what_several_studies_found_is_recommended_once() -> None:
    past = [valley(name, 20, (20, 50, 80)) for name in "abc"]
    assert xs(recommended(past, 9)) == [20.0, 80.0, 50.0]


def test_a_default_of_many_digits_is_not_recommended_twice() -> None:
    space = SearchSpace({"x": Float(0.01, 10 / 3, log=True)})
    default = space.default()
    assert Encoding(space).config(Encoding(space).units([default])[0]) != default
    past = study([trial(0, default, 0.1), trial(1, {"x": 1.0}, 0.2)], space)
    assert [point.config for point in recommended([past], 9, space)] == [{"x": 1.0}, default]


def test_what_was_stopped_for_lagging_behind_is_not_recommended_before_the_rest() -> None:
    done = [tried(i, float(x), 10.0 + x, 5.0 + x) for i, x in enumerate(range(0, 50, 10))]
    lagging = tried(9, 90.0, 60.0, state=TrialState.STOPPED)
    assert xs(recommended([study([*done, lagging], SPACE)], 2)) == [0.0, 50.0]


@pytest.mark.parametrize("state", [TrialState.FAILED, TrialState.DIVERGED])
def test_where_the_past_failed_nothing_is_recommended(state: TrialState) -> None:
    past = valley("a", 20)
    assert 15.0 <= float(xs(recommended([past]))[0]) <= 25.0  # type: ignore[arg-type]
    failures = [tried(100 + i, 15 + i / 2, state=state) for i in range(21)]
    broken = past.with_trials((*past.trials, *failures))
    found = xs(recommended([broken], 10))
    assert len(found) == 6
    assert not any(13 < float(x) < 27 for x in found)  # type: ignore[arg-type]


def test_as_long_a_training_is_recommended_as_the_past_asked_for() -> None:
    """What was best after 430 rounds there may need more of them here."""
    curve = (Measurement(1, 0.5, 0.1), Measurement(2, 0.4, 0.2, config={"n": 430}))
    ran = Trial(0, {"x": 1.0, "n": 800}, TrialState.COMPLETED, curve)
    assert recommended([study([ran], SPACE)], 2)[0].config == {"x": 1.0, "n": 800}


def test_each_point_says_why_and_where_it_comes_from() -> None:
    past = [valley("a", 20), valley("b", 20), valley("c", 20), valley("d", 90)]
    encoding = Encoding(SPACE)
    names = {name: f"study {name}" for name in "abcd"}
    *found, default = recommend(fit_prior(past, encoding, [1.0] * 4), encoding, 5, names)
    for point in found:
        (source,) = point.sources
        assert point.reason.endswith(f", tried in study {source}")
    assert found[0].reason.startswith("expected best, ")
    assert found[1].reason.startswith("better for 1 of 4 past studies, ")
    assert default == Recommendation(DEFAULT, "default")


def test_a_point_that_suits_no_task_better_than_the_first_claims_nothing() -> None:
    first, second, _ = recommended([valley("a", 20)])
    assert first.reason == "expected best, tried in a"
    assert second.reason == "next best, tried in a"
    assert abs(float(second.config["x"]) - 20) <= 10


@pytest.mark.parametrize("related", [[1.0] * 5, [0.7] * 5])
def test_a_poisoned_study_among_honest_ones_does_not_take_over(
    related: list[float],
) -> None:
    honest = [valley(f"honest {lowest}", lowest) for lowest in (15, 20, 25, 30)]
    lies = (tried(i, 90 + i / 100, i * 1e-9) for i in range(1000))
    poison = study(lies, SPACE, name="poison")
    found = recommended([poison, *honest], 11, related=related)
    assert found[0].sources != ("poison",)
    assert xs(found)[0] == pytest.approx(22, abs=8)
    assert sum(point.sources == ("poison",) for point in found) <= 5


values = st.one_of(
    st.floats(),
    st.integers(),
    st.text(max_size=5),
    st.booleans(),
    st.sampled_from(["a", "b", "0.5", "1e-1", "None"]),
)
configs = st.dictionaries(st.sampled_from(["x", "kind", "extra"]), values)
ends = st.sampled_from([state for state in TrialState if state is not TrialState.RUNNING])
results = st.lists(st.tuples(configs, st.floats(), ends), max_size=8)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(results, max_size=5), st.integers(0, 8))
def test_whatever_the_past_holds_the_points_lie_in_the_space_without_repeats(
    past: list[list[tuple[Config, float, TrialState]]], points: int
) -> None:
    studies = [
        study(
            (trial(id, config, value, state=end) for id, (config, value, end) in enumerate(trials)),
            MIXED,
            RMSE,
            str(index),
        )
        for index, trials in enumerate(past)
    ]
    kept = sift(studies, "model", MIXED, RMSE).kept
    assert all(math.isfinite(trial.value or 0) for study in kept for trial in study.trials)
    found = recommended(kept, points, MIXED)
    assert len(found) <= points
    assert found[-1:] == [Recommendation(MIXED.default(), "default")][:points]
    for index, point in enumerate(found):
        assert MIXED.problems(point.config) == []
        assert point.config not in [other.config for other in found[:index]]
