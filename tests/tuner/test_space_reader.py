from pathlib import Path

import pytest

from tests.tuner.configs import LEAST, WHOLE, fault_of, faults


@pytest.mark.parametrize(
    ("parameter", "what"),
    [
        ("5", ": mapping expected, got 5. Write e.g. lr: {float: [0.01, 0.3]}"),
        ("{log: true}", ": one of float, int, categorical expected, got none"),
        (
            "{float: [0, 1], int: [0, 1]}",
            ": one of float, int, categorical expected, got float and",
        ),
        ("{flaot: [0, 1]}", ".flaot: unknown key. Did you mean float?"),
        ("{float: 3}", ".float: two finite numbers up to 1e+100 expected, got 3"),
        ("{float: [1]}", ".float: two finite numbers up to 1e+100 expected, got [1]"),
        ("{float: [0, .inf]}", ".float: two finite numbers up to 1e+100 expected, got [0, inf]"),
        ("{float: [-1e308, 1e308]}", ".float: two finite numbers up to 1e+100 expected"),
        ("{float: [a, b]}", ".float: two finite numbers"),
        ("{float: [false, true]}", ".float: two finite numbers"),
        ("{float: [1, 0.1]}", ".float: lower 1 is above upper 0.1. Swap them"),
        ("{float: [1, 1]}", ".float: lower and upper are both 1. Widen the range"),
        ("{int: [1.5, 4]}", ".int: two whole numbers"),
        ("{int: [1, 1e18]}", ".int: two whole numbers"),
        (
            "{float: [0, 1], log: true}",
            ": log scale needs a lower bound above 0, got 0. Write e.g. float: [1.0e-4, 0.5]",
        ),
        (
            "{int: [0, 9], log: true}",
            ": log scale needs a lower bound above 0, got 0. Write e.g. int",
        ),
        ("{float: [1, 2], log: 1}", ".log: true or false expected, got 1"),
        ("{float: [0.001, 0.5], default: 0.7}", ".default: default 0.7 is outside [0.001, 0.5]"),
        ("{int: [1, 5], default: 2.5}", ".default: default whole number expected, got 2.5"),
        ("{categorical: []}", ".categorical: at least 2 different choices expected, got []"),
        ("{categorical: [a]}", ".categorical: at least 2 different choices"),
        ("{categorical: [a, a]}", ".categorical: at least 2 different choices"),
        ("{categorical: [1, '1']}", ".categorical: at least 2 different choices"),
        ("{categorical: [a, null]}", ".categorical: at least 2 different choices"),
        ("{categorical: [a, [b]]}", ".categorical: at least 2 different choices"),
        ("{categorical: [a, .nan]}", ".categorical: at least 2 different choices"),
        ("{categorical: [a, b], default: c}", ".default: default 'c' is not one of a, b"),
        ("{categorical: [a, b], log: true}", ".log: choices have no scale (log)"),
    ],
)
def test_a_wrong_parameter_is_told_with_its_rule(tmp_path: Path, parameter: str, what: str) -> None:
    assert fault_of(tmp_path, f"space.lr={parameter}").startswith(f"--set space.lr{what}")


def test_choices_that_yaml_versions_read_differently_must_be_quoted(tmp_path: Path) -> None:
    assert len(faults(tmp_path, WHOLE, "space.kind.categorical=[no, yes]")) == 2


@pytest.mark.parametrize("name", ["seed", "__class__", "a/b", "a b", "x" * 65, "1st", "é"])
def test_a_parameter_needs_a_plain_name(tmp_path: Path, name: str) -> None:
    (fault,) = faults(tmp_path, LEAST.replace("{x:", f"{{x: {{float: [0, 1]}}, {name}:"))
    assert "a parameter is named by up to 64 letters, digits and _" in fault
    assert fault.endswith("Rename it.")


def test_a_space_has_one_to_64_parameters(tmp_path: Path) -> None:
    assert "1 to 64 parameters expected, got 0" in fault_of(tmp_path, "space={}")
    many = ", ".join(f"p{n}: {{int: [0, 1]}}" for n in range(65))
    assert "1 to 64 parameters expected, got 65" in fault_of(tmp_path, f"space={{{many}}}")
