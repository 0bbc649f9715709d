"""Which parameters hang on which choices, as told by what was tried."""

import pytest

from meta.conditions import infer_conditions, kinds
from meta.space import Categorical, Config, Float, SearchSpace

UNIT = Float(0.0, 1.0)
BOOSTER = Categorical(("gbtree", "dart", "gblinear"))
TREES = SearchSpace({"booster": BOOSTER, "eta": UNIT, "drop": UNIT, "alpha": UNIT})

TRIED: list[Config] = [
    {"booster": "gbtree", "eta": 0.1, "alpha": 0.1},
    {"booster": "dart", "eta": 0.1, "drop": 0.5, "alpha": 0.1},
    {"booster": "gblinear", "alpha": 0.1},
]


def test_a_parameter_is_active_under_the_choices_that_had_it() -> None:
    assert infer_conditions(TRIED, TREES) == {
        "eta": ("booster", frozenset({"gbtree", "dart"})),
        "drop": ("booster", frozenset({"dart"})),
    }


def test_a_flat_space_has_no_conditions() -> None:
    assert infer_conditions([{"a": 0.1, "b": "x"}] * 3, SearchSpace({"a": UNIT})) == {}


def test_without_trials_there_are_no_conditions() -> None:
    assert infer_conditions([], TREES) == {}


def test_a_choice_that_had_the_parameter_now_and_then_explains_nothing() -> None:
    sometimes: Config = {"booster": "gblinear", "eta": 0.3, "alpha": 0.1}
    found = infer_conditions([*TRIED, sometimes], TREES)
    assert found == {"drop": ("booster", frozenset({"dart"}))}


def test_a_parameter_that_nobody_had_yet_is_not_conditional() -> None:
    space = SearchSpace({**TREES.parameters, "new": UNIT})
    assert "new" not in infer_conditions(TRIED, space)


def test_a_choice_hangs_on_another_parameter_not_on_itself() -> None:
    space = SearchSpace({"grow": Categorical(("depth", "loss")), "booster": BOOSTER})
    tried: list[Config] = [
        {"booster": "gbtree", "grow": "depth"},
        {"booster": "dart", "grow": "depth"},
        {"booster": "gblinear"},
    ]
    assert infer_conditions(tried, space) == {
        "grow": ("booster", frozenset({"gbtree", "dart"})),
    }


@pytest.mark.parametrize("unseen", [True, False])
def test_a_parent_without_which_the_parameter_was_never_seen_explains_nothing(
    unseen: bool,
) -> None:
    """Studies that lacked both parameters say nothing about how one hangs on the other."""
    space = SearchSpace({"kind": Categorical(("a", "b")), "eta": UNIT, "rate": UNIT})
    tried: list[Config] = [{"rate": 0.1}, {"kind": "a", "eta": 0.1, "rate": 0.1}]
    if not unseen:
        tried.append({"kind": "b", "eta": 0.2, "rate": 0.1})
    assert infer_conditions(tried, space) == {}


def test_one_configuration_of_each_kind_is_enough() -> None:
    many = [{**config, "alpha": i / 10} for config in TRIED for i in range(10)]
    few = kinds(many, TREES)
    assert len(few) == len(TRIED)
    assert infer_conditions(few, TREES) == infer_conditions(many, TREES)
