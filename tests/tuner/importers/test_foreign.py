import math

import pytest

from meta.study import TrialState
from tuner.importers.foreign import flatten, listing, number, read_seconds, read_state


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("COMPLETE", TrialState.COMPLETED),
        ("TrialState.COMPLETE", TrialState.COMPLETED),
        ("finished", TrialState.COMPLETED),
        ("TERMINATED", TrialState.COMPLETED),
        (None, TrialState.COMPLETED),
        ("", TrialState.COMPLETED),
        ("PRUNED", TrialState.STOPPED),
        ("Early_Stopped", TrialState.STOPPED),
        ("KILLED", TrialState.STOPPED),
        ("FAIL", TrialState.FAILED),
        ("crashed", TrialState.FAILED),
        ("DIVERGED", TrialState.DIVERGED),
        ("WAITING", TrialState.RUNNING),
        ("RUNNING", TrialState.RUNNING),
    ],
)
def test_each_tool_has_its_word_for_a_state(word: object, state: TrialState) -> None:
    assert read_state(word) is state


def test_a_word_that_is_no_state_is_told() -> None:
    with pytest.raises(ValueError, match="unknown state 'asleep'"):
        read_state("asleep")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (12, 12.0),
        ("12.5", 12.5),
        ("0 days 00:01:02.5", 62.5),
        ("1 day 1:00:00", 90000.0),
        ("1:02:03", 3723.0),
        ("1h 2m 3s", 3723.0),
        ("2m3.5s", 123.5),
        ("", 0.0),
        (None, 0.0),
        ("soon", 0.0),
        ("nan", 0.0),
        (math.inf, 0.0),
        ("-3", 0.0),
    ],
)
def test_a_duration_is_read_as_tools_write_it(text: object, seconds: float) -> None:
    assert read_seconds(text) == seconds


@pytest.mark.parametrize("value", [True, None, "x", [], {}, "1,5", 10**400])
def test_what_is_no_number_is_nan(value: object) -> None:
    assert math.isnan(number(value))


def test_nested_mappings_are_joined_as_ray_joins_them() -> None:
    assert flatten({"a": 1, "b": {"c": {"d": 2}, "e": 3}}) == {"a": 1, "b/c/d": 2, "b/e": 3}


def test_deep_nesting_is_no_problem() -> None:
    tree: dict[str, object] = {}
    for _ in range(5000):
        tree = {"a": tree}
    assert flatten({"x": tree, "y": 1}) == {"y": 1}


def test_a_long_list_of_names_is_cut() -> None:
    assert listing([]) == "none"
    assert listing(["a", "b" * 99]) == f"a, {'b' * 60}"
    assert listing(map(str, range(23))).endswith(", 19 and 3 more")
