"""How configurations become arrays and come back."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta.encoding import INACTIVE, Encoding, from_unit
from meta.space import Categorical, Config, Float, Int, Parameter, SearchSpace

RATE = Float(1e-4, 1.0, log=True)
DEPTH = Int(3, 10)
LEAVES = Int(2, 256, log=True)
KIND = Categorical(("tree", "linear"))


def encoding(**parameters: Parameter) -> Encoding:
    return Encoding(SearchSpace(parameters))


def there_and_back(parameter: Parameter, value: Any) -> Any:
    code = encoding(p=parameter)
    return code.config(code.units([{"p": value}])[0]).get("p", "lost")


ranges = st.tuples(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6)).map(lambda r: (r[0], r[0] + r[1]))
positive_ranges = st.tuples(st.floats(1e-8, 1e6), st.floats(1.01, 1e6)).map(
    lambda r: (r[0], r[0] * r[1])
)
whole_ranges = st.tuples(st.integers(-1000, 1000), st.integers(0, 10_000)).map(
    lambda r: (r[0], r[0] + r[1])
)
positive_whole_ranges = st.tuples(st.integers(1, 1000), st.integers(0, 10_000)).map(
    lambda r: (r[0], r[0] + r[1])
)
shares = st.floats(0, 1)


@settings(derandomize=True, deadline=None)
@given(ranges, shares)
def test_a_real_number_comes_back(bounds: tuple[float, float], share: float) -> None:
    low, high = bounds
    value = min(low + share * (high - low), high)
    tolerance = 1e-9 * max(abs(low), abs(high))
    assert there_and_back(Float(low, high), value) == pytest.approx(value, rel=0, abs=tolerance)


@settings(derandomize=True, deadline=None)
@given(positive_ranges, shares)
def test_a_real_number_on_a_log_scale_comes_back(bounds: tuple[float, float], share: float) -> None:
    low, high = bounds
    value = min(max(low * (high / low) ** share, low), high)
    assert there_and_back(Float(low, high, log=True), value) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("value", [0.1, 0.3, 1e-4, 0.0123, 1.0])
def test_a_number_of_few_digits_comes_back_as_it_was(value: float) -> None:
    assert there_and_back(RATE, value) == value


@settings(derandomize=True, deadline=None)
@given(whole_ranges, shares)
def test_a_whole_number_comes_back(bounds: tuple[int, int], share: float) -> None:
    value = round(bounds[0] + share * (bounds[1] - bounds[0]))
    back = there_and_back(Int(*bounds), value)
    assert (back, type(back)) == (value, int)


@settings(derandomize=True, deadline=None)
@given(positive_whole_ranges, shares)
def test_a_whole_number_on_a_log_scale_comes_back(bounds: tuple[int, int], share: float) -> None:
    value = round(bounds[0] + share * (bounds[1] - bounds[0]))
    back = there_and_back(Int(*bounds, log=True), value)
    assert (back, type(back)) == (value, int)


@pytest.mark.parametrize("choices", [(True, 1, "1"), ("a", None, "None"), (0.5, False, 0), (1,)])
def test_a_choice_comes_back_with_its_type(choices: tuple[Any, ...]) -> None:
    for choice in choices:
        back = there_and_back(Categorical(choices), choice)
        assert (back, type(back)) == (choice, type(choice))


@settings(derandomize=True, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_units_come_back_from_the_configuration(units: list[float]) -> None:
    code = encoding(rate=RATE, kind=KIND)
    rows = np.array([[unit, i % 2] for i, unit in enumerate(units)])
    configs = [code.config(row) for row in rows]
    np.testing.assert_allclose(code.units(configs), rows, atol=1e-9)


def test_the_ends_of_a_range_are_the_ends_of_the_unit_interval() -> None:
    code = encoding(rate=RATE)
    assert code.units([{"rate": 1e-4}, {"rate": 1e-2}, {"rate": 1.0}]).ravel() == pytest.approx(
        [0, 0.5, 1]
    )


def test_each_whole_number_has_an_equal_share_of_the_unit_interval() -> None:
    found = [from_unit(DEPTH, unit) for unit in (np.arange(8000) + 0.5) / 8000]
    assert [found.count(value) for value in range(3, 11)] == [1000] * 8


def test_a_number_outside_its_range_is_moved_to_the_end() -> None:
    code = encoding(rate=RATE, depth=DEPTH)
    configs: list[Config] = [{"rate": 7.0, "depth": 1}, {"rate": -1.0, "depth": 99}]
    back = [code.config(row) for row in code.units(configs)]
    assert back == [{"rate": 1.0, "depth": 3}, {"rate": 1e-4, "depth": 10}]


def test_what_is_missing_or_unknown_is_no_number_and_stays_away() -> None:
    code = encoding(rate=RATE, depth=DEPTH, kind=KIND)
    units = code.units([{}, {"kind": "forest", "depth": 3}])
    assert np.isnan(units).tolist() == [[True, True, True], [True, False, True]]
    assert code.config(units[0]) == {}


def test_no_configuration_gives_no_row() -> None:
    code = encoding(rate=RATE, kind=KIND)
    assert code.units([]).shape == (0, 2)
    assert code.points(code.units([])).shape == (0, 3)


def test_a_parameter_of_one_value_has_it() -> None:
    assert there_and_back(Int(4, 4), 4) == 4
    assert there_and_back(Float(0.5, 0.5), 0.5) == 0.5
    assert there_and_back(Float(0.5, 0.5, log=True), 0.5) == 0.5


def test_unequal_choices_are_one_apart_and_numbers_by_their_units() -> None:
    code = encoding(rate=RATE, kind=Categorical(("a", "b", "c")))
    points = code.points(np.array([[0.1, 0], [0.1, 2], [0.4, 2], [0.4, 2]]))
    distances = np.linalg.norm(np.diff(points, axis=0), axis=1)
    assert distances == pytest.approx([1, 0.3, 0])


def test_an_inactive_number_stands_in_the_middle_and_an_inactive_choice_nowhere() -> None:
    code = encoding(rate=RATE, kind=KIND)
    assert code.points(np.array([[np.nan, np.nan]])).tolist() == [[INACTIVE, 0, 0]]


def test_settling_moves_whole_numbers_to_where_one_stands() -> None:
    code = encoding(depth=DEPTH, leaves=LEAVES, rate=RATE)
    rough = np.random.default_rng(0).random((50, 3))
    settled = code.settle(rough)
    configs = [code.config(row) for row in rough]
    np.testing.assert_allclose(settled[:, :2], code.units(configs)[:, :2])
    np.testing.assert_array_equal(settled[:, 2], rough[:, 2])
    np.testing.assert_allclose(code.settle(settled), settled)


def test_settling_moves_stepped_numbers_to_a_step() -> None:
    space = SearchSpace({"width": Int(3, 9), "rate": Float(-1.0, 1.0), "kind": KIND})
    code = Encoding(space, steps={"width": 2, "rate": 0.5})
    configs = [code.config(row) for row in code.spread(np.random.default_rng(0).random((99, 3)))]
    assert {config["width"] for config in configs} == {3, 5, 7, 9}
    assert {config["rate"] for config in configs} == {-1, -0.5, 0, 0.5, 1}
    odd = Encoding(SearchSpace({"rate": Float(0.0, 1.0)}), steps={"rate": 0.3})
    assert odd.config(odd.settle(np.array([[1.0]]))[0])["rate"] in (0.9, 1.0)


def test_settling_drops_what_is_not_active() -> None:
    space = SearchSpace({"kind": KIND, "depth": DEPTH, "rate": RATE})
    code = Encoding(space, {"depth": ("kind", frozenset({"tree"}))})
    settled = code.settle(np.array([[0, 0.5, 0.5], [1, 0.5, 0.5], [np.nan, 0.5, 0.5]]))
    assert [sorted(code.config(row)) for row in settled] == [
        ["depth", "kind", "rate"],
        ["kind", "rate"],
        ["rate"],
    ]


def test_what_hangs_on_an_inactive_parameter_is_dropped_in_any_order() -> None:
    space = SearchSpace({"rate": RATE, "grow": Categorical(("a", "b")), "kind": KIND})
    conditions = {
        "rate": ("grow", frozenset({"a"})),
        "grow": ("kind", frozenset({"tree"})),
    }
    settled = Encoding(space, conditions).settle(np.array([[0.5, 0, 1], [0.5, 0, 0]]))
    assert np.isnan(settled).tolist() == [[True, True, False], [False, False, False]]


def test_spreading_reaches_every_choice_and_every_whole_number_alike() -> None:
    code = encoding(kind=Categorical(("a", "b", "c")), depth=DEPTH)
    even = (np.arange(2400) + 0.5) / 2400
    configs = [code.config(row) for row in code.spread(np.column_stack([even, even]))]
    kinds, depths = ([config[name] for config in configs] for name in ("kind", "depth"))
    assert [kinds.count(kind) for kind in "abc"] == [800] * 3
    assert [depths.count(depth) for depth in range(3, 11)] == [300] * 8


def test_the_categories_are_known_by_their_columns() -> None:
    code = encoding(rate=RATE, kind=KIND, depth=DEPTH)
    assert code.categories.tolist() == [False, True, False]
