"""Where values stand and which are written beside them."""

import pytest

from meta.space import Categorical, Float, Int
from tuner.report.axes import Axis, axis, number, place_value, robust_axis


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 10, [0, 2, 4, 6, 8, 10]), (0.013, 0.049, [0.02, 0.03, 0.04]), (-3, 3, [-2, 0, 2])],
)
def test_ticks_are_round_and_inside(low: float, high: float, ticks: list[float]) -> None:
    assert Axis("x", low, high).ticks() == pytest.approx(ticks)


def test_ticks_of_a_log_axis_are_powers_of_ten() -> None:
    assert Axis("x", 1e-5, 1.0, log=True).ticks() == pytest.approx([1e-5, 1e-3, 1e-1])


def test_a_value_beyond_the_axis_stands_at_its_end() -> None:
    assert [Axis("x", 1, 100, log=True).place(v) for v in (0, 1, 10, 1e9)] == [0, 0, 0.5, 1]


def test_an_axis_of_equal_values_has_a_width() -> None:
    for value in (0.0, 3.0, -3.0):
        made = axis("x", [value])
        assert made.low < value < made.high


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_value_that_exploded_does_not_set_the_axis(mode: str) -> None:
    sign = 1 if mode == "min" else -1
    made = robust_axis("loss", [sign * v for v in (1.0, 1.1, 1.2, 1.3, 1.4, 1e9)], mode)
    assert max(abs(made.low), abs(made.high)) < 3


def test_parameters_stand_between_the_ends_of_their_range() -> None:
    assert place_value(Float(1e-4, 1e-2, log=True), 1e-3) == pytest.approx(0.5)
    assert place_value(Int(1, 5), 9) == 1.0
    assert place_value(Categorical(("a", "b", "c")), "b") == 0.5
    assert place_value(Categorical(("a", "b")), "z") is None
    assert place_value(Float(0, 1), "text") is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (10000, "10000"), (1e7, "1e7"), (1e-5, "1e-5"), (2.5e-7, "2.5e-7"), (0.1, "0.1")],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text
