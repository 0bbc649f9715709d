"""Configurations as arrays: as units, one column per parameter, and as points of a cube."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from meta.arrays import Array, Mask
from meta.conditions import Conditions
from meta.space import Categorical, Config, Int, Parameter, SearchSpace, Value

INACTIVE = 0.5
"""Where a number stands that the configuration lacks."""
ABSENT = object()
DIGITS = 12
"""A number is proposed with so many, so that one goes to a unit and comes back as it was."""


@dataclass(frozen=True)
class Encoding:
    """What a configuration of ``space`` looks like to the surrogate.

    A row of *units* has one column per parameter: a number's place in its range on the searched
    scale, within [0, 1]; a category's index; NaN for a parameter that is not active. A row of
    *points* has a column per number and one per choice, so that unequal categories are 1 apart.
    A number in ``steps`` comes in such steps from the low end of its range.
    """

    space: SearchSpace
    conditions: Conditions = field(default_factory=dict)
    steps: Mapping[str, float] = field(default_factory=dict)

    @property
    def categories(self) -> Mask:
        """Which columns of units are categories."""
        kinds = self.space.parameters.values()
        return np.array([isinstance(item, Categorical) for item in kinds])

    def units(self, configs: Sequence[Mapping[str, Value]]) -> Array:
        """Numbers outside their range are moved to its end, unknown categories are NaN."""
        columns = [
            _units(parameter, [config.get(name, ABSENT) for config in configs])
            for name, parameter in self.space.parameters.items()
        ]
        return np.column_stack(columns) if configs else np.empty((0, len(columns)))

    def points(self, units: Array) -> Array:
        """The distance between two rows is what the kernel sees."""
        parameters = self.space.parameters.values()
        blocks = [_points(item, units[:, i]) for i, item in enumerate(parameters)]
        return np.hstack(blocks)

    def settle(self, units: Array) -> Array:
        """Move whole and stepped numbers to where one stands and drop what is not active."""
        settled = units.copy()
        for i, (name, parameter) in enumerate(self.space.parameters.items()):
            if isinstance(parameter, Int) or name in self.steps:
                settled[:, i] = self._nearest(name, units[:, i])
        self._drop_inactive(settled)
        return settled

    def _nearest(self, name: str, units: Array) -> Array:
        """The units of the values that the parameter can take."""
        parameter = self.space.parameters[name]
        assert not isinstance(parameter, Categorical)
        low, step = parameter.low, self.steps.get(name, 1)
        values = np.array([from_unit(parameter, unit) for unit in np.nan_to_num(units)])
        stepped = np.minimum(low + np.round((values - low) / step) * step, parameter.high)
        return np.where(np.isnan(units), np.nan, _units(parameter, stepped.tolist()))

    def _drop_inactive(self, units: Array) -> None:
        names = list(self.space.parameters)
        dropped = -1
        while dropped != (dropped := np.isnan(units).sum()):  # a parent may be dropped itself
            for child, (parent, choices) in self.conditions.items():
                owner = self.space.parameters[parent]
                assert isinstance(owner, Categorical)
                active = [owner.choices.index(choice) for choice in choices]
                inactive = ~np.isin(units[:, names.index(parent)], active)
                units[inactive, names.index(child)] = np.nan

    def config(self, units: Array) -> Config:
        """The configuration at one row of units."""
        pairs = zip(self.space.parameters.items(), units.tolist(), strict=True)
        return {name: from_unit(item, unit) for (name, item), unit in pairs if unit == unit}

    def spread(self, shares: Array) -> Array:
        """Units from numbers in [0, 1), which for a category share out its choices."""
        units = shares.copy()
        for i, parameter in enumerate(self.space.parameters.values()):
            if isinstance(parameter, Categorical):
                units[:, i] = np.floor(shares[:, i] * len(parameter.choices))
        return self.settle(units)


def from_unit(parameter: Parameter, unit: float) -> Value:
    """The value at a unit; on a linear scale each whole number has an equal share."""
    match parameter:
        case Categorical(choices):
            return choices[int(unit)]
        case Int(low, high, log):
            value = _stretch(low - 0.5, high + 0.5, log, unit)
            return min(max(round(value), low), high)
        case _:
            value = _stretch(parameter.low, parameter.high, parameter.log, unit)
            return min(max(float(f"{value:.{DIGITS}g}"), parameter.low), parameter.high)


def _stretch(low: float, high: float, log: bool, unit: float) -> float:
    return float(low * (high / low) ** unit) if log else low + (high - low) * unit


def _units(parameter: Parameter, values: Sequence[object]) -> Array:
    if isinstance(parameter, Categorical):
        places: dict[tuple[type, object], int] = {
            (type(choice), choice): i for i, choice in enumerate(parameter.choices)
        }
        found = [places.get((type(value), value), np.nan) for value in values]
        return np.array(found, np.float64)
    column = np.array([np.nan if value is ABSENT else value for value in values], np.float64)
    edge = 0.5 if isinstance(parameter, Int) else 0.0  # the inverse of from_unit
    low, high = parameter.low - edge, parameter.high + edge
    if parameter.log:
        column = np.log(np.maximum(column, low))
        low, high = np.log(low), np.log(high)
    span = high - low if high > low else 1.0
    return np.asarray(np.clip((column - low) / span, 0, 1))


def _points(parameter: Parameter, units: Array) -> Array:
    if isinstance(parameter, Categorical):
        return np.asarray(np.sqrt(0.5) * (units[:, None] == np.arange(len(parameter.choices))))
    return np.nan_to_num(units, nan=INACTIVE)[:, None]
