import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta.features import NEUTRAL, WIDTH, relatedness

WINE = {"log10_rows": 3.7, "share_missing": 0.0, "classes": 0.0, "skew": 0.2}
NEUTRAL_RELATEDNESS = float(np.exp(-NEUTRAL / WIDTH))

names = st.sampled_from(["a", "b", "c", "d"])
features = st.dictionaries(names, st.floats(allow_nan=True, allow_infinity=True))


def test_equal_features_are_related_entirely() -> None:
    assert relatedness(WINE, [WINE, {**WINE, "more": 9.0}]) == pytest.approx([1, 1])


def test_the_nearer_data_set_is_the_more_related_one() -> None:
    others = [{**WINE, "log10_rows": rows} for rows in (3.6, 3.2, 4.2, 2.9, 3.7)]
    order = np.argsort(-relatedness(WINE, others), kind="stable")
    assert order.tolist() == [4, 0, 1, 2, 3]


def test_relatedness_falls_exponentially_with_the_mean_difference() -> None:
    found = relatedness({"a": 0.0, "b": 1.0}, [{"a": 0.5, "b": 0.9}])
    distance = (1 - np.exp(-0.5) + 1 - np.exp(-0.1)) / 2
    assert found == pytest.approx([np.exp(-distance / WIDTH)])


def test_no_shared_feature_gives_the_neutral_relatedness() -> None:
    found = relatedness(WINE, [{}, {"other": 1.0}])
    assert found == pytest.approx([NEUTRAL_RELATEDNESS] * 2)
    assert relatedness({}, [WINE, {}]) == pytest.approx([NEUTRAL_RELATEDNESS] * 2)


def test_what_a_study_lacks_counts_less_than_a_large_difference_and_more_than_none() -> None:
    lacking = {name: value for name, value in WINE.items() if name != "classes"}
    unlike = {**WINE, "classes": 10.0}
    assert np.all(np.diff(relatedness(WINE, [unlike, lacking, WINE])) > 0)


def test_features_that_are_no_numbers_count_like_none() -> None:
    assert relatedness(WINE, [{**WINE, "skew": float("nan")}]) == relatedness(
        WINE, [{name: WINE[name] for name in WINE if name != "skew"}]
    )
    assert relatedness({"a": 1e308}, [{"a": 0.0}, {"a": 0.0}])[0] < 0.1


def test_one_feature_cannot_outvote_the_rest() -> None:
    outlier = {**WINE, "skew": 1e9}
    different = {**WINE, "log10_rows": 5.0, "classes": 2.0}
    assert np.all(np.diff(relatedness(WINE, [different, outlier])) > 0)


def test_a_feature_on_a_large_scale_still_orders_the_studies() -> None:
    others = [{"rows": rows} for rows in (900.0, 50_000.0, 2_000.0)]
    found = relatedness({"rows": 1_000.0}, others)
    assert found[0] > found[2] > found[1]


def test_no_other_study_gives_an_empty_answer() -> None:
    assert relatedness(WINE, []).shape == (0,)


@settings(derandomize=True, deadline=None)
@given(features, st.lists(features, max_size=4))
def test_whatever_the_features_relatedness_is_positive_and_at_most_one(
    mine: dict[str, float], others: list[dict[str, float]]
) -> None:
    found = relatedness(mine, others)
    assert found.shape == (len(others),)
    assert np.all((found > 0) & (found <= 1))


@settings(derandomize=True, deadline=None)
@given(st.permutations(list(WINE)))
def test_the_order_of_the_features_does_not_matter(order: list[str]) -> None:
    other = {"log10_rows": 2.5, "classes": 2.0, "skew": 1.0}
    shuffled = {name: WINE[name] for name in order}
    assert relatedness(shuffled, [other]) == pytest.approx(relatedness(WINE, [other]))
