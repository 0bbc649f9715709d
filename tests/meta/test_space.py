"""Search spaces: what may be tried, and how foreign configurations are brought in."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta.space import Categorical, Float, Int, Parameter, SearchSpace

LOG = Float(1e-4, 1.0, log=True, default=0.1)
LINEAR = Float(0.0, 2.0)
DEPTH = Int(3, 10, default=6)
CHOICE = Categorical(("1", 2, True, "no"), default=2)
SPACE = SearchSpace({"rate": LOG, "dropout": LINEAR, "depth": DEPTH, "kind": CHOICE})
GOOD = {"rate": 0.01, "dropout": 0.5, "depth": 4, "kind": "no"}


@pytest.mark.parametrize(
    ("parameter", "value", "unit"),
    [
        (LOG, 1e-4, 0.0),
        (LOG, 1e-2, 0.5),
        (LOG, 1.0, 1.0),
        (LOG, 10.0, 1.25),
        (LOG, 0.0, -math.inf),
        (LOG, -1.0, -math.inf),
        (LINEAR, 0.5, 0.25),
        (LINEAR, -1.0, -0.5),
        (DEPTH, 10, 1.0),
        (Int(1, 100, log=True), 10, 0.5),
    ],
)
def test_a_value_has_its_place_on_the_searched_scale(
    parameter: Float | Int, value: float, unit: float
) -> None:
    assert parameter.to_unit(value) == pytest.approx(unit)


@pytest.mark.parametrize(
    ("parameter", "middle"),
    [(LOG, 0.01), (LINEAR, 1.0), (Int(3, 10), 6), (Int(1, 100, log=True), 10), (CHOICE, "1")],
)
def test_the_middle_is_the_middle_of_the_searched_scale(
    parameter: Parameter, middle: object
) -> None:
    assert parameter.middle() == middle


@pytest.mark.parametrize(
    ("parameter", "text", "value"),
    [
        (LOG, "1e-3", 0.001),
        (LOG, " 0.5 ", 0.5),
        (LOG, 7, 7.0),
        (DEPTH, "7", 7),
        (DEPTH, "7.0", 7),
        (DEPTH, 7.0, 7),
        (CHOICE, "1", "1"),
        (CHOICE, "2", 2),
        (CHOICE, "True", True),
        (CHOICE, True, True),
    ],
)
def test_a_value_is_read_with_its_type(parameter: Parameter, text: object, value: object) -> None:
    parsed = parameter.parse(text)
    assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        (LOG, "0,1"),
        (LOG, "nan"),
        (LOG, math.inf),
        (LOG, True),
        (LOG, None),
        (LOG, [0.1]),
        (LOG, 10**400),
        (DEPTH, "7.5"),
        (DEPTH, "inf"),
        (DEPTH, "None"),
        (CHOICE, 1),
        (CHOICE, "yes"),
        (CHOICE, {}),
    ],
)
def test_what_cannot_be_read_is_a_value_error(parameter: Parameter, text: object) -> None:
    with pytest.raises(ValueError, match="expected, got"):
        parameter.parse(text)


def test_a_configuration_of_the_space_has_no_problems() -> None:
    assert SPACE.problems(GOOD) == []
    assert SPACE.problems(SPACE.default()) == []


def test_all_problems_of_a_configuration_are_named() -> None:
    config = {"rate": 2.0, "depth": 4.0, "kind": False, "momentum": 0.9}
    assert SPACE.problems(config) == [
        "dropout: missing",
        "rate: 2.0 is outside [0.0001, 1.0]",
        "depth: whole number expected, got 4.0",
        "kind: False is not one of 1, 2, True, no",
        "momentum: not in the space",
    ]


@pytest.mark.parametrize(
    "config",
    [{"rate": "0.1"}, {"rate": True}, {"rate": math.nan}, {"depth": True}, {"depth": 11}],
)
def test_a_value_of_another_type_or_outside_is_a_problem(config: dict[str, object]) -> None:
    assert len(SPACE.problems({**GOOD, **config})) == 1


def test_the_default_is_the_middle_where_none_is_given() -> None:
    assert SPACE.default() == {"rate": 0.1, "dropout": 1.0, "depth": 6, "kind": 2}


def test_what_the_past_lacks_is_defaulted_and_what_the_space_lacks_is_dropped() -> None:
    assert SPACE.adopt({"rate": "0.5", "momentum": 0.9}) == {**SPACE.default(), "rate": 0.5}


@pytest.mark.parametrize(
    ("name", "value", "adopted"),
    [
        ("rate", 1.5, 1.0),
        ("rate", 0.00007, 1e-4),
        ("dropout", 2.1, 2.0),
        ("dropout", -0.1, 0.0),
        ("depth", 10.0, 10),
    ],
)
def test_a_value_just_outside_is_clipped(name: str, value: float, adopted: float) -> None:
    assert SPACE.adopt({name: value})[name] == adopted


@pytest.mark.parametrize(
    ("name", "value"), [("rate", 1.6), ("rate", 0.0), ("dropout", 2.11), ("depth", 11)]
)
def test_a_value_far_outside_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name}: {value} is outside"):
        SPACE.adopt({name: value})


@given(st.dictionaries(st.sampled_from([*GOOD, "other"]), st.from_type(object)))
def test_whatever_is_adopted_lies_in_the_space(config: dict[str, object]) -> None:
    try:
        adopted = SPACE.adopt(config)
    except ValueError:
        return
    assert SPACE.problems(adopted) == []


def test_a_space_survives_json() -> None:
    text = json.dumps(SPACE.to_json())
    assert SearchSpace.from_json(json.loads(text)) == SPACE
    assert list(SearchSpace.from_json(json.loads(text)).parameters) == list(SPACE.parameters)


def test_a_choice_that_is_the_value_itself_comes_before_one_of_the_same_text() -> None:
    kind = Categorical((1, True, "1", "True"))
    for choice in kind.choices:
        parsed = kind.parse(choice)
        assert (parsed, type(parsed)) == (choice, type(choice))
