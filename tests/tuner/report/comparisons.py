"""A comparison of two arms on two tasks, as ``tuner.comparison`` makes them."""

from dataclasses import replace

from tuner.bill import Bill, Part
from tuner.comparison.records import (
    ALL_TASKS,
    Comparison,
    Contrast,
    Cost,
    Curve,
    Effect,
    Measure,
    Pair,
    Result,
)
from tuner.usage import Usage

VALUE = Measure("value", "best value", "difference", "low")
TRIALS = Measure("trials", "trials to the other's value", "ratio", "low")


def effect(scope: str, unit: str, text: str, value: float, low: float, high: float) -> Effect:
    return Effect(
        scope=scope,
        unit=unit,
        pairs=5,
        better=4,
        baseline=50.0,
        candidate=50.0 + value,
        effect=value,
        low=low,
        high=high,
        t_p=0.0004,
        wilcoxon_p=0.0625,
        holm_p=0.02,
        cohens_d=0.8,
        rank_biserial=0.9,
        detectable=1.5,
        generalises=scope == ALL_TASKS,
        verdict=f"{text}: better by {-value:g}",
    )


def comparison(text: str = "wine", tasks: int = 2) -> Comparison:
    """``text`` stands wherever a name can."""
    names = tuple(f"{text}{n}" for n in range(tasks))
    pairs = tuple(Pair(name, seed, 50.0, 48.0 + seed, 50.0) for name in names for seed in range(5))
    first = tuple(effect(name, "rmse", text, -2.0, -3.0, -1.0) for name in names)
    overall = effect(ALL_TASKS, "%", text, -4.0, -6.0, 1.0)
    speed = tuple(effect(name, "x", text, 0.5, 0.25, 0.9) for name in names)
    unknown = replace(speed[0], low=None, high=None, t_p=None, wilcoxon_p=None, holm_p=None)
    results = (
        Result(VALUE, pairs, first, overall),
        Result(TRIALS, pairs, (unknown, *speed[1:]), None),
    )
    arms = ("cold", f"{text}warm")
    curves = tuple(
        Curve(name, arm, axis, text, 5, (1.0, 5.0, 9.0), (60.0, 55.0, 50.0 - place),
              (58.0, 54.0, 49.0 - place), (62.0, 56.0, 51.0))
        for name in names for place, arm in enumerate(arms) for axis in ("trials", "GPU-hours")
    )  # fmt: skip
    usage = Part(Usage(300.0, cpu_seconds=360.0), 300.0, 1800.0, 300.0, 400.0)
    bill = Bill(usage, Part(Usage(40.0, cpu_seconds=36.0), 40.0, 0.0, 40.0, 100.0)).to_json()
    costs = tuple(
        Cost(name, arm, 5, 150, 300.0, 400.0, 40.0, bill) for name in names for arm in arms
    )
    contrasts = (Contrast(arms[0], arms[1], results),)
    return Comparison(
        names,
        arms,
        contrasts,
        curves,
        costs,
        (text,),
        (text, "runs/b"),
        (f"tuner compare {text} runs/b",),
        {text: text},
    )
