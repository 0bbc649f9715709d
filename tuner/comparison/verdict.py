"""What the numbers of an effect say in plain words, and no more than they say."""

from tuner.comparison.records import ALL_TASKS, Effect, Measure
from tuner.comparison.statistics import ALPHA, FEWEST_PAIRS


def verdict(measure: Measure, effect: Effect) -> str:
    """One or two sentences: what was shown, or how large an effect was not ruled out."""
    if effect.low is None or effect.high is None:
        return _few(effect)
    if effect.low == effect.high == measure.neutral:
        return f"Both arms gave the same in all {effect.pairs} pairs."
    p = effect.t_p if effect.holm_p is None else effect.holm_p
    if p is None:
        return (
            f"Every pair differs by {size(measure, effect.effect, effect.unit)}; there is no"
            " variation to test."
        )
    span = f"{number(effect.low, effect.unit)} to {number(effect.high, effect.unit)}"
    if is_shown(measure, effect):
        return _shown(measure, effect, p, span)
    return _not_shown(measure, effect, p, span)


def is_shown(measure: Measure, effect: Effect) -> bool:
    """Whether the (corrected) t-test finds it and the interval leaves out no effect."""
    p = effect.t_p if effect.holm_p is None else effect.holm_p
    if p is None or effect.low is None or effect.high is None:
        return False
    return p < ALPHA and not effect.low <= measure.neutral <= effect.high


def _shown(measure: Measure, effect: Effect, p: float, span: str) -> str:
    is_better = (effect.effect < measure.neutral) == (measure.better == "low")
    what = size(measure, effect.effect, effect.unit)
    text = (
        f"{'Better' if is_better else 'Worse'}: {what} (95 % interval {span}; p {p:.2g};"
        f" better in {effect.better} of {effect.pairs} pairs)."
    )
    if effect.wilcoxon_p is not None and effect.wilcoxon_p >= ALPHA:
        text += f" The Wilcoxon test alone does not show it (p {effect.wilcoxon_p:.2g})."
    return text + _reach(effect)


def _not_shown(measure: Measure, effect: Effect, p: float, span: str) -> str:
    text = (
        f"No difference shown (p {p:.2g}; better in {effect.better} of {effect.pairs} pairs"
        f"{_alone(measure, effect, p)}). What lies outside {span} is ruled out at 95 %, what lies"
        " inside is not."
    )
    if effect.detectable is not None:
        least = size(measure, effect.detectable, effect.unit)
        text += f" This design finds a true effect of {least} in four of five repetitions."
    return text


def _alone(measure: Measure, effect: Effect, p: float) -> str:
    """Which of test and interval says so all the same."""
    if p < ALPHA:
        return "; the t-test alone shows one"
    if effect.low is None or effect.high is None or effect.low <= measure.neutral <= effect.high:
        return ""
    return "; the interval alone shows one"


def _few(effect: Effect) -> str:
    if effect.pairs < FEWEST_PAIRS or effect.t_p is None:
        return f"Too few pairs to test: {effect.pairs}, at least {FEWEST_PAIRS} a task are needed."
    return (
        f"{effect.pairs} pairs give no interval, so nothing is ruled out (p {effect.t_p:.2g};"
        f" better in {effect.better} of {effect.pairs} pairs)."
    )


def _reach(effect: Effect) -> str:
    if effect.scope != ALL_TASKS:
        return ""
    tasks = "tasks like these" if effect.generalises else "these tasks, not of others"
    return f" This is said of {tasks}."


def size(measure: Measure, value: float, unit: str) -> str:
    """An effect in words: ``3.1 % less``, ``0.41 times as many``, ``0.0123 rmse less``."""
    if measure.scale == "ratio":
        return f"{value:.3g} times as much"
    word = "less" if value < 0 else "more"
    return f"{number(abs(value), unit)} {word}"


def number(value: float, unit: str) -> str:
    """A value with its unit."""
    return f"{value:.3g}" if unit == "x" else f"{value:.3g} {unit}"
