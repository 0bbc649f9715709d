"""Scales: where a value stands on an axis, and which values are written beside it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from meta.space import Categorical, Parameter

MARGIN = 0.04
OUTLYING = 4.0
"""An axis ends so many times the distance from the best to the upper quartile above the best."""


@dataclass(frozen=True)
class Axis:
    """A range of values, ``low`` below ``high``; both above 0 on a ``log`` scale."""

    name: str
    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """The share of the axis at which ``value`` stands, at its end for values beyond."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(max(value, low))
        return min(max((value - low) / (high - low), 0.0), 1.0)

    def ticks(self) -> list[float]:
        """A few round values inside the range."""
        if self.log and self.high / self.low >= 10:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            stride = max(1, math.ceil((last - first + 1) / 5))
            return [10.0**power for power in range(first, last + 1, stride)]
        step = _round_up((self.high - self.low) / 5)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [round(count * step, 12) for count in range(first, last + 1)]


def _round_up(step: float) -> float:
    """The next of 1, 2, 5, 10, … times a power of ten."""
    unit = 10.0 ** math.floor(math.log10(step))
    return next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= step * (1 - 1e-9))


def axis(name: str, values: Iterable[float], zero: bool = False) -> Axis:
    """An axis that holds all ``values`` with some air, from 0 if ``zero``."""
    found = [float(value) for value in values] or [0.0]
    low, high = (0.0 if zero else min(found)), max(found)
    if not low < high:
        reach = abs(high) or 1.0
        return Axis(name, low if zero else low - reach / 10, high + reach / 10)
    air = MARGIN * (high - low)
    return Axis(name, low if zero else low - air, high + air)


def robust_axis(name: str, values: Iterable[float], mode: str) -> Axis:
    """An axis on which one value that exploded does not hide how the others differ."""
    found = np.sort(np.fromiter(values, np.float64))
    if len(found) < 4:
        return axis(name, found)
    best, quartile = (
        (found[-1], np.quantile(found, 0.25))
        if mode == "max"
        else (found[0], np.quantile(found, 0.75))
    )
    end = best + OUTLYING * (quartile - best)
    kept = found[found >= end] if mode == "max" else found[found <= end]
    return axis(name, kept)


def place_value(parameter: Parameter, value: object) -> float | None:
    """Where a parameter's value stands between the ends of its range; None where it is none."""
    if isinstance(parameter, Categorical):
        last = max(len(parameter.choices) - 1, 1)
        known = parameter.problem(value) is None
        return parameter.choices.index(value) / last if known else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return min(max(parameter.to_unit(value), 0.0), 1.0)


def number(value: float) -> str:
    """A number for the end of an axis or a tick: short, in powers of ten where that is shorter."""
    text = f"{value:.6g}" if 1e4 <= abs(value) < 1e6 else f"{value:.4g}"
    mantissa, exponent, power = text.partition("e")
    if not exponent:
        return text if abs(value) >= 1e-3 or value == 0 else _scientific(f"{value:.2e}")
    return _scientific(f"{mantissa}e{power}")


def _scientific(text: str) -> str:
    mantissa, _, power = text.partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(power)}"
