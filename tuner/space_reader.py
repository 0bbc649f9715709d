"""The ``space`` section of a configuration becomes a ``SearchSpace``."""

import re
from dataclasses import replace
from typing import Any

from meta.space import Categorical, Float, Int, Parameter, SearchSpace
from tuner.errors import UsageError, gathering
from tuner.fields import is_number, is_whole, show, unknown_keys
from tuner.strict_yaml import Node

MAX_PARAMETERS = 64
MAX_CHOICES = 256
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
RESERVED = {"seed"}
KINDS = ("float", "int", "categorical")
EXAMPLE = "{float: [0.01, 0.3]}"
MAX_FLOAT = 1e100
MAX_INT = 2**53


def read_space(space: Node) -> SearchSpace:
    """Read all parameters; raises ``UsageError`` with a fault for each that is wrong."""
    assert isinstance(space.value, dict)
    if not 1 <= len(space.value) <= MAX_PARAMETERS:
        what = f"1 to {MAX_PARAMETERS} parameters expected, got {len(space.value)}."
        raise UsageError(space.fault("space", f"{what} Write e.g. learning_rate: {EXAMPLE}."))
    parameters: dict[str, Parameter] = {}
    faults: list[str] = []
    for name, node in space.value.items():
        with gathering(faults):
            parameters[name] = _parameter(name, node)
    if faults:
        raise UsageError(*faults)
    return SearchSpace(parameters)


def _parameter(name: str, node: Node) -> Parameter:
    key = f"space.{name}"
    if not NAME.fullmatch(name) or name in RESERVED:
        what = f"a parameter is named by up to 64 letters, digits and _, and not {show(name)}."
        raise UsageError(node.fault(f"space.{name[:64]}", f"{what} Rename it."))
    if not isinstance(node.value, dict):
        what = f"mapping expected, got {show(node.plain())}. Write e.g. {name}: {EXAMPLE}."
        raise UsageError(node.fault(key, what))
    if faults := unknown_keys(node, (*KINDS, "log", "default"), key):
        raise UsageError(*faults)
    kinds = [kind for kind in KINDS if node.find(kind)]
    if len(kinds) != 1:
        what = f"one of {', '.join(KINDS)} expected, got {' and '.join(kinds) or 'none'}."
        raise UsageError(node.fault(key, f"{what} Write e.g. {name}: {EXAMPLE}."))
    read = _categorical if kinds == ["categorical"] else _range
    return _with_default(read(node, key, kinds[0]), node, key)


def _range(node: Node, key: str, kind: str) -> Float | Int:
    bounds, log = node.find(kind), node.find("log")
    assert bounds is not None
    low, high = _bounds(bounds, f"{key}.{kind}", kind)
    if log and not isinstance(log.value, bool):
        what = f"true or false expected, got {show(log.plain())}. Write log: true."
        raise UsageError(log.fault(f"{key}.log", what))
    scale = bool(log and log.value)
    if scale and low < 1 / MAX_FLOAT:
        what = f"log scale needs a lower bound above 0, got {low:g}."
        example = "float: [1.0e-4, 0.5]" if kind == "float" else "int: [1, 100]"
        raise UsageError(bounds.fault(key, f"{what} Write e.g. {example}."))
    return Int(int(low), int(high), scale) if kind == "int" else Float(low, high, scale)


def _bounds(node: Node, key: str, kind: str) -> tuple[float, float]:
    values: Any = node.plain()
    expected = "whole numbers" if kind == "int" else "finite numbers"
    accepts, limit = (is_whole, MAX_INT) if kind == "int" else (is_number, MAX_FLOAT)
    is_pair = isinstance(values, list) and len(values) == 2
    if not is_pair or not all(accepts(value) and abs(value) <= limit for value in values):
        what = f"two {expected} up to {limit:g} expected, got {show(values)}."
        raise UsageError(node.fault(key, f"{what} Write e.g. {kind}: [1, 10]."))
    low, high = values
    if low > high:
        raise UsageError(node.fault(key, f"lower {low:g} is above upper {high:g}. Swap them."))
    if low == high:
        what = f"lower and upper are both {low:g}. Widen the range or delete the parameter."
        raise UsageError(node.fault(key, what))
    return float(low), float(high)


def _categorical(node: Node, key: str, kind: str) -> Categorical:
    choices = node.find(kind)
    assert choices is not None
    values = choices.plain()
    distinct = isinstance(values, list) and all(map(_is_choice, values)) and _all_differ(values)
    if not distinct or not 2 <= len(values) <= MAX_CHOICES:
        what = f"at least 2 different choices expected, got {show(values)}."
        example = f'Write e.g. {kind}: [relu, gelu], and quote words like "no".'
        raise UsageError(choices.fault(f"{key}.{kind}", f"{what} {example}"))
    if log := node.find("log"):
        raise UsageError(log.fault(f"{key}.log", "choices have no scale (log). Delete it."))
    return Categorical(tuple(values))


def _is_choice(value: object) -> bool:
    return isinstance(value, bool | str) or is_number(value)


def _all_differ(values: list[object]) -> bool:
    """Whether the choices differ, also as text, which is what a store keeps of them."""
    return len(set(values)) == len({str(value) for value in values}) == len(values)


def _with_default(parameter: Parameter, node: Node, key: str) -> Parameter:
    default = node.find("default")
    if default is None:
        return parameter
    value = default.plain()
    if problem := parameter.problem(value):
        what = f"default {problem}. Choose one that may be tried."
        raise UsageError(default.fault(f"{key}.default", what))
    default_value: Any = parameter.parse(value)
    return replace(parameter, default=default_value)
