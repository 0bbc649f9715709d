"""The tables of the asynchronous benchmark, as Markdown and in results/asynchronous.json."""

import os
from collections.abc import Iterator, Mapping
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.transfer_scores import FLOOR, KEY, paired
from benchmarks.transfer_tables import write

RESULTS = Path(__file__).parent / "results" / "asynchronous.json"
MEASURES = ("trials", "full", "repeated", "crowded", "gap", "first_gap", "ms")
FRACTIONS, COUNTS = (0.1, 0.25, 0.5, 1.0), (10, 25, 50)
"""Where r is measured: of the budget under ASHA, in trials otherwise."""
PAIRS = (
    ("meta-gp curves", "random"),
    ("meta-gp curves", "tpe"),
    ("meta-gp curves", "meta-gp cold"),
    ("meta-gp cold", "random"),
    ("meta-gp cold", "tpe"),
    ("meta-gp stopped", "tpe"),
    ("meta-gp stopped", "meta-gp curves"),
    ("meta-gp stopped", "meta-gp survivors"),
)
ALONE, BESIDE = "whole 1", ("whole 4", "whole 8")

Record = dict[str, Any]
Side = tuple[str, str]
"""Protocol and method."""


def publish(runs: Mapping[Any, Record], past: Record) -> None:
    frame = as_table(runs)
    about = {
        "date": date.today().isoformat(),
        "cpus": os.cpu_count(),
        "versions": {name: version(name) for name in ("optuna", "numpy", "scipy")},
        "code": sorted({run["version"] for run in runs.values()}),
        "past_under_asha": past,
    }
    tables = {"scores": list(score_records(frame)), "paired": list(paired_records(frame))}
    write(RESULTS, about, tables)
    print(f"The past under ASHA: {past}")
    print("\n".join([*markdown_scores(tables["scores"]), *markdown_paired(tables["paired"])]))


def as_table(runs: Mapping[Any, Record]) -> pd.DataFrame:
    index = pd.MultiIndex.from_tuples(runs, names=KEY)
    frame = pd.DataFrame(list(runs.values()), index=index)
    return frame.drop(columns=["run", "version"])


def score_records(frame: pd.DataFrame) -> Iterator[Record]:
    """Means over the tasks; a task's seeds are averaged already."""
    for (protocol, method), runs in frame.groupby(["protocol", "method"]):
        r = pd.DataFrame(runs["r"].tolist(), index=runs.index)
        rest = runs.drop(columns="r").astype(float).groupby("task").mean().mean()
        yield {
            "protocol": protocol,
            "method": method,
            "runs": len(runs),
            "r": r.groupby("task").mean().mean().round(4).tolist(),
            **{name: round(value, 4) for name, value in rest.dropna().items()},
        }


def paired_records(frame: pd.DataFrame) -> Iterator[Record]:
    """On the tasks and seeds that both sides have."""
    found = set(frame.index.droplevel(KEY[2:]))
    for ours, theirs in sides(found):
        columns = zip(_logs(frame, ours), _logs(frame, theirs), strict=True)
        intervals = [paired(one, two).get("mean") for one, two in columns]
        if all(intervals):
            numbers = [(item.mean, item.low, item.high) for item in intervals if item]
            yield {"ours": ours, "theirs": theirs, "difference": np.round(numbers, 3).tolist()}


def sides(found: set[Side]) -> Iterator[tuple[Side, Side]]:
    """Methods beside each other, and each method with more workers beside itself with one."""
    protocols, methods = (sorted(set(names)) for names in zip(*found, strict=True))
    within = [((name, one), (name, two)) for name in protocols for one, two in PAIRS]
    across = [((name, method), (ALONE, method)) for name in BESIDE for method in methods]
    yield from ((one, two) for one, two in (*within, *across) if {one, two} <= found)


def _logs(frame: pd.DataFrame, side: tuple[str, str]) -> list[pd.Series]:
    """One series for each place at which r is measured."""
    of = frame["r"].xs(side, level=KEY[:2], drop_level=False)
    values = np.log10(np.array(of.tolist()) + FLOOR)
    return [pd.Series(column, index=of.index) for column in values.T]


def markdown_scores(records: list[Record]) -> Iterator[str]:
    for protocol in dict.fromkeys(record["protocol"] for record in records):
        columns = [*places(protocol), *MEASURES]
        yield f"\n### {protocol}\n"
        yield "| method | " + " | ".join(columns) + " | runs |"
        yield "|---|" + "---|" * (len(columns) + 1)
        for record in records:
            if record["protocol"] == protocol:
                numbers = [*record["r"], *(record.get(name, np.nan) for name in MEASURES)]
                cells = " | ".join(f"{number:.3g}" for number in numbers)
                yield f"| {record['method']} | {cells} | {record['runs']} |"


def markdown_paired(records: list[Record]) -> Iterator[str]:
    """Differences of log10(r + 0.001) with 95 % confidence; below zero the first is better."""
    for protocol in dict.fromkeys(record["ours"][0] for record in records):
        columns = places(protocol)
        yield f"\n### {protocol}: difference of log10(r + {FLOOR}), 95 % confidence\n"
        yield "| ours | theirs | " + " | ".join(columns) + " |"
        yield "|---|---|" + "---|" * len(columns)
        for record in records:
            if record["ours"][0] == protocol:
                cells = [
                    f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]"
                    for mean, low, high in record["difference"]
                ]
                theirs = record["theirs"]
                name = theirs[1] if theirs[0] == protocol else ", ".join(theirs)
                yield f"| {record['ours'][1]} | {name} | " + " | ".join(cells) + " |"


def places(protocol: str) -> list[str]:
    if protocol == "asha":
        return [f"r at {share:.0%}" for share in FRACTIONS]
    return [f"r{count}" for count in COUNTS]
