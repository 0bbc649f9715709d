"""Search spaces: which configurations may be tried."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

Value = float | int | str | bool
Config = dict[str, Value]

CLIP_SHARE = 0.05
"""How far outside its range, as a share of it, a past value may lie and still be clipped in."""


@dataclass(frozen=True, slots=True)
class Float:
    """A real parameter in ``[low, high]``, searched on a log scale if ``log``."""

    kind: ClassVar[str] = "float"
    low: float
    high: float
    log: bool = False
    default: float | None = None

    def to_unit(self, value: float) -> float:
        """Place on the searched scale: 0 at ``low``, 1 at ``high``, beyond for values outside."""
        if not self.log:
            return (value - self.low) / (self.high - self.low)
        if value <= 0:
            return -math.inf
        return math.log(value / self.low) / math.log(self.high / self.low)

    def parse(self, value: object) -> float:
        """Read a number or its text; raises ``ValueError`` for anything else."""
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError(f"number expected, got {value!r}")
        try:
            number = float(value)
        except (ValueError, OverflowError):
            raise ValueError(f"number expected, got {value!r}") from None
        if not math.isfinite(number):
            raise ValueError(f"finite number expected, got {value!r}")
        return number

    def problem(self, value: object) -> str | None:
        """Why ``value`` may not be tried as it is, or None."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"number expected, got {value!r}"
        if not self.low <= value <= self.high:
            return f"{value!r} is outside [{self.low}, {self.high}]"
        return None

    def middle(self) -> float:
        """The centre of the range on the searched scale."""
        return math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2


@dataclass(frozen=True, slots=True)
class Int:
    """A whole-number parameter in ``[low, high]``, both included."""

    kind: ClassVar[str] = "int"
    low: int
    high: int
    log: bool = False
    default: int | None = None

    def to_unit(self, value: float) -> float:
        """As ``Float.to_unit``."""
        return Float(self.low, self.high, self.log).to_unit(value)

    def parse(self, value: object) -> int:
        """Read a whole number or its text; raises ``ValueError`` for anything else."""
        number = Float(self.low, self.high).parse(value)
        if number != int(number):
            raise ValueError(f"whole number expected, got {value!r}")
        return int(number)

    def problem(self, value: object) -> str | None:
        """Why ``value`` may not be tried as it is, or None."""
        if isinstance(value, bool) or not isinstance(value, int):
            return f"whole number expected, got {value!r}"
        if not self.low <= value <= self.high:
            return f"{value!r} is outside [{self.low}, {self.high}]"
        return None

    def middle(self) -> int:
        """The whole number nearest to the centre of the range on the searched scale."""
        return round(Float(self.low, self.high, self.log).middle())


@dataclass(frozen=True, slots=True)
class Categorical:
    """One of a few named choices without order."""

    kind: ClassVar[str] = "categorical"
    choices: tuple[Value, ...]
    default: Value | None = None

    def parse(self, value: object) -> Value:
        """Find the choice that equals ``value`` or whose text does; raises ``ValueError``."""
        for choice in self.choices:
            if choice == value and type(choice) is type(value):
                return choice
        for choice in self.choices:
            if str(choice) == value:
                return choice
        raise ValueError(f"one of {', '.join(map(str, self.choices))} expected, got {value!r}")

    def problem(self, value: object) -> str | None:
        """Why ``value`` may not be tried as it is, or None."""
        if any(choice == value and type(choice) is type(value) for choice in self.choices):
            return None
        return f"{value!r} is not one of {', '.join(map(str, self.choices))}"

    def middle(self) -> Value:
        """The first choice."""
        return self.choices[0]


Parameter = Float | Int | Categorical


@dataclass(frozen=True)
class SearchSpace:
    """The parameters of a study by name, in a fixed order."""

    parameters: dict[str, Parameter]

    def problems(self, config: Mapping[str, object]) -> list[str]:
        """Every reason why ``config`` may not be tried as it is; empty if it may."""
        problems = [f"{name}: missing" for name in self.parameters if name not in config]
        for name, value in config.items():
            parameter = self.parameters.get(name)
            problem = "not in the space" if parameter is None else parameter.problem(value)
            if problem:
                problems.append(f"{name}: {problem}")
        return problems

    def default(self) -> Config:
        """The default of each parameter, its middle where it has none."""
        return {
            name: parameter.middle() if parameter.default is None else parameter.default
            for name, parameter in self.parameters.items()
        }

    def adopt(self, config: Mapping[str, object]) -> Config:
        """Bring a configuration of another study into this space.

        Values are parsed from text, clipped if outside by at most ``CLIP_SHARE`` of the range,
        defaulted if missing; parameters that the space lacks are dropped. Raises ``ValueError``
        naming the parameter for what cannot be brought in.
        """
        adopted = self.default()
        for name in self.parameters:
            if name in config:
                adopted[name] = self.adopt_value(name, config[name])
        return adopted

    def adopt_value(self, name: str, value: object) -> Value:
        """Bring the value of one parameter into this space; raises as ``adopt``."""
        parameter = self.parameters[name]
        try:
            parsed = parameter.parse(value)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        if isinstance(parameter, Categorical):
            return parsed
        assert isinstance(parsed, int | float)
        if parameter.low <= parsed <= parameter.high:
            return parsed
        if not -CLIP_SHARE <= parameter.to_unit(parsed) <= 1 + CLIP_SHARE:
            raise ValueError(f"{name}: {parameter.problem(parsed)}")
        return min(max(parsed, parameter.low), parameter.high)

    def to_json(self) -> dict[str, Any]:
        """A JSON object that ``from_json`` reads back."""
        return {name: _parameter_to_json(parameter) for name, parameter in self.parameters.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "SearchSpace":
        """Read what ``to_json`` wrote; raises ``ValueError`` or ``KeyError`` for anything else."""
        return cls({name: _parameter_from_json(fields) for name, fields in data.items()})


def _parameter_to_json(parameter: Parameter) -> dict[str, Any]:
    if isinstance(parameter, Categorical):
        bounds: dict[str, Any] = {"categorical": list(parameter.choices)}
    else:
        bounds = {parameter.kind: [parameter.low, parameter.high], "log": parameter.log}
    return {**bounds, "default": parameter.default}


def _parameter_from_json(fields: Mapping[str, Any]) -> Parameter:
    default = fields.get("default")
    if "categorical" in fields:
        return Categorical(tuple(fields["categorical"]), default)
    kind = Float if "float" in fields else Int
    low, high = fields[kind.kind]
    return kind(low, high, bool(fields.get("log", False)), default)
