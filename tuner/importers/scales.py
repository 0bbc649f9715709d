"""How a value was written by somebody else, and what it is in our units."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from meta.space import Value
from tuner.errors import UsageError
from tuner.importers.foreign import number
from tuner.suggest import did_you_mean


@dataclass(frozen=True)
class Scale:
    """Their value becomes ours by ``to_ours``; ``turns`` if more of theirs is less of ours."""

    name: str
    formula: str
    to_ours: Callable[[float], float]
    turns: bool = False

    def convert(self, value: object) -> Value:
        """Their value in our units; raises ``ValueError`` for one that has none."""
        given = number(value)
        if math.isnan(given):
            raise ValueError(f"number expected for {self.name}, got {str(value)[:60]!r}")
        try:
            return self.to_ours(given)
        except (ValueError, ArithmeticError):
            raise ValueError(f"{value!r} has no {self.name}") from None


SCALES = {
    scale.name: scale
    for scale in (
        Scale("log10", "10^x", lambda x: 10.0**x),
        Scale("log2", "2^x", lambda x: 2.0**x),
        Scale("log", "e^x", math.exp),
        Scale("percent", "x/100", lambda x: x / 100),
        Scale("inverse", "1/x", lambda x: 1 / x, turns=True),
        Scale("complement", "1-x", lambda x: 1 - x, turns=True),
        Scale("negative", "-x", lambda x: -x, turns=True),
    )
}
"""By the word on the command line, which says what they wrote of our value."""


def read_scale(word: str, place: str) -> Scale:
    """The scale of that name, or a factor such as ``0.001``; raises ``UsageError``."""
    factor = number(word)
    if math.isfinite(factor) and factor != 0:
        return Scale("factor", f"{factor:g} x", lambda x: factor * x, turns=factor < 0)
    if word not in SCALES:
        raise UsageError(
            f"{place}: unknown scale {word!r}. {did_you_mean(word, SCALES)}"
            " A number such as 0.001 is a factor."
        )
    return SCALES[word]
