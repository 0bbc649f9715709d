"""Makes a measurement of what a trainable reports, or says why it is none."""

import math
import operator
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy

from meta.study import Measurement, Metric


class Diverged(Exception):
    """A measurement is not finite."""


class BadReport(Exception):
    """A trainable reported something that is no measurement of its metric."""


def checked(
    metric: Metric,
    seconds: float,
    step: int,
    value: float,
    metrics: Mapping[str, float] | None = None,
    config: Mapping[str, Any] | None = None,
) -> Measurement:
    """What was reported, in Python's own types; other metrics that are not finite are left out.

    Raises ``Diverged`` if ``value`` is not finite, ``BadReport`` for what is no measurement.
    """
    step, number = _step(step), _number(value, "value")
    numbers = {
        _name(name, "metric"): _number(other, name) for name, other in (metrics or {}).items()
    }
    if problem := metric.problem(number):
        kind = BadReport if math.isfinite(number) else Diverged
        raise kind(f"step {step}: {problem}")
    return Measurement(
        step,
        number,
        seconds,
        {name: other for name, other in numbers.items() if math.isfinite(other)},
        {_name(name, "parameter"): _plain(given, name) for name, given in (config or {}).items()},
    )


def _step(step: object) -> int:
    try:
        number = operator.index(step)  # type: ignore[arg-type]
    except TypeError:
        kind = type(step).__name__
        raise BadReport(f"report: whole number expected for step, got {kind}") from None
    if number < 1:
        raise BadReport(f"report: steps count from 1, got {number}")
    return number


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        shape = getattr(value, "shape", None)
        kind = type(value).__name__ + (f" of shape {tuple(shape)}" if shape else "")
        raise BadReport(f"report: number expected for {name}, got {kind}")
    return float(value)


def _name(name: object, of: str) -> str:
    if not isinstance(name, str):
        raise BadReport(f"report: text expected for the name of a {of}, got {name!r}")
    return name


def _plain(value: object, name: str) -> float | int | str | bool:
    """A parameter as JSON can hold it."""
    plain = value.item() if isinstance(value, numpy.generic) else value
    finite = not isinstance(plain, float) or math.isfinite(plain)
    if isinstance(plain, float | int | str) and finite:
        return plain
    what = "a finite number, text or true/false"
    raise BadReport(f"report: config {name} must be {what}, got {value!r}")
