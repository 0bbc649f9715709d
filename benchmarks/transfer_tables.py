"""The tables of the transfer benchmark, as Markdown and in results/transfer.json."""

import json
import os
import platform
from collections.abc import Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.transfer_scores import CHECKPOINTS, Interval, paired, scores, trials_to_match

RESULTS = Path(__file__).parent / "results" / "transfer.json"
PEERS = " [peers]"
COLD_TPE, COLD_GP = f"tpe{PEERS}", f"gp_cand{PEERS}"
COLD = (f"random{PEERS}", COLD_TPE, COLD_GP)
"""Peers that know no past and stand beside every protocol."""
OF_ROWS = (
    "meta-gp rows",
    *(f"{name}{PEERS}" for name in ("gp_cand", "gcp_prior", "rgpe", "zeroshot")),
)
"""Methods that choose among the rows of the table."""
FAMILIES = 4
"""A mean over fewer would be another number."""
MISLEADING = ("shuffled", "negated")
MARGIN = 0.1
"""In log10 of r + 0.001: a quarter worse."""
COLUMNS = [*(f"r{count}" for count in CHECKPOINTS), "aulr", "n_meth", "ms"]

Record = dict[str, Any]


def publish(runs: pd.DataFrame, versions: dict[str, list[str]]) -> None:
    found = scores(runs)
    tables = {
        "scores": list(score_records(runs, found)),
        "paired": list(paired_records(found)),
        "no_harm": list(no_harm_records(found)),
    }
    about = {
        "date": date.today().isoformat(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("optuna", "numpy", "scipy")},
        "code": versions,
        "no_harm_margin": MARGIN,
    }
    write(RESULTS, about, tables)
    for lines in (markdown_scores, markdown_paired, markdown_no_harm):
        print("\n".join(lines(tables)))


def write(path: Path, about: Record, tables: dict[str, list[Record]]) -> None:
    """One record per line."""
    parts = [f'  "{key}": {json.dumps(value)}' for key, value in about.items()]
    for name, records in tables.items():
        lines = ",\n    ".join(json.dumps(record) for record in records)
        parts.append(f'  "{name}": [\n    {lines}\n  ]')
    path.parent.mkdir(exist_ok=True)
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def with_cold(frame: pd.DataFrame, protocol: str) -> pd.DataFrame:
    """The protocol's runs and, beside a history, the cold peers'."""
    methods = frame.index.get_level_values("method")
    protocols = frame.index.get_level_values("protocol")
    beside = (protocols == "none") & methods.isin(COLD)
    return frame[(protocols == protocol) | beside]


def protocols(frame: pd.DataFrame) -> list[str]:
    """In which something ran here."""
    methods = frame.index.get_level_values("method")
    return list(frame[~methods.str.endswith(PEERS)].index.unique("protocol"))


def score_records(runs: pd.DataFrame, found: pd.DataFrame) -> Iterator[Record]:
    cold = runs.xs(COLD_TPE, level="method")
    for protocol in protocols(runs):
        table = with_cold(found, protocol)
        for method, of in table.groupby("method"):
            matches = trials_to_match(with_cold(runs, protocol).xs(method, level="method"), cold)
            by_task = of.groupby(["family", "task"]).mean().assign(n_meth=matches)
            families = by_task.groupby("family")[COLUMNS].mean()
            families["n_meth"] = by_task["n_meth"].groupby("family").median()
            counts = of.groupby("family").size()
            whole = {"protocol": protocol, "method": method, "rows": method in OF_ROWS}
            for family, row in families.iterrows():
                yield {**whole, "family": family, "runs": int(counts[family]), **_rounded(row)}
            if len(families) == FAMILIES:
                yield {**whole, "family": "mean", "runs": len(of), **_rounded(families.mean())}


def paired_records(found: pd.DataFrame) -> Iterator[Record]:
    """Ours minus each peer, on the runs that both have."""
    measures = ["aulr", *(f"log_r{count}" for count in CHECKPOINTS)]
    for protocol in protocols(found):
        table = with_cold(found, protocol)
        methods = list(table.index.unique("method"))
        for ours in (method for method in methods if method.startswith("meta-")):
            for theirs in (method for method in methods if not method.startswith("meta-")):
                pair = {"protocol": protocol, "ours": ours, "theirs": theirs}
                for measure in measures:
                    intervals = _paired(table, ours, table, theirs, measure)
                    mean = "mean" if len(intervals) == FAMILIES + 1 else None
                    for family, item in intervals.items():
                        if family == mean or (measure == "aulr" and family != "mean"):
                            yield {**pair, "measure": measure, "family": family, **_of(item)}


def no_harm_records(found: pd.DataFrame) -> Iterator[Record]:
    """With a misleading past against no past: TPE, a GP, and the method itself."""
    cold = found.xs("none", level="protocol", drop_level=False)
    for protocol in (name for name in MISLEADING if name in protocols(found)):
        misled = found.xs(protocol, level="protocol", drop_level=False)
        for method in misled.index.unique("method"):
            for against in (COLD_TPE, COLD_GP, method):
                for count in (25, 50):
                    intervals = _paired(misled, method, cold, against, f"log_r{count}")
                    if len(intervals) == FAMILIES + 1:
                        pair = {"history": protocol, "method": method, "against": against}
                        yield {**pair, "trials": count, **_harm(intervals["mean"])}


def _harm(item: Interval) -> Record:
    return {
        **_of(item),
        "half_width": round(item.half_width, 3),
        "power": round(item.power(MARGIN), 2),
        "verdict": item.verdict(MARGIN),
    }


def _paired(
    one: pd.DataFrame, ours: str, other: pd.DataFrame, theirs: str, measure: str
) -> dict[str, Interval]:
    methods = one.index.get_level_values("method"), other.index.get_level_values("method")
    return paired(one[measure][methods[0] == ours], other[measure][methods[1] == theirs])


def _of(item: Interval) -> Record:
    return {name: round(getattr(item, name), 3) for name in ("mean", "low", "high")}


def _rounded(row: pd.Series) -> Record:
    return {name: round(float(value), 4) for name, value in row.items()}


def markdown_scores(tables: dict[str, list[Record]]) -> Iterator[str]:
    records = tables["scores"]
    for protocol in dict.fromkeys(record["protocol"] for record in records):
        of = [record for record in records if record["protocol"] == protocol]
        for family in dict.fromkeys(["mean", *(record["family"] for record in of)]):
            yield f"\n### {protocol}, {family}\n"
            yield "| method | " + " | ".join(COLUMNS) + " | runs |"
            yield "|---|" + "---|" * (len(COLUMNS) + 1)
            some = [record for record in of if record["family"] == family]
            for record in sorted(some, key=lambda record: record["aulr"]):
                numbers = " | ".join(f"{record[name]:.3g}" for name in COLUMNS)
                yield f"| {record['method']} | {numbers} | {record['runs']} |"


def markdown_paired(tables: dict[str, list[Record]]) -> Iterator[str]:
    """AULR, ours minus theirs: per family and the mean."""
    records = [record for record in tables["paired"] if record["measure"] == "aulr"]
    cells: dict[tuple[str, str, str], dict[str, str]] = {}
    for record in records:
        key = (record["protocol"], record["ours"], record["theirs"])
        cells.setdefault(key, {})[record["family"]] = _cell(record)
    families = list(dict.fromkeys(record["family"] for record in records))
    yield "\n### Difference of AULR, ours minus theirs, with 95 % confidence\n"
    yield "| history | ours | theirs | " + " | ".join(families) + " |"
    yield "|---|---|---|" + "---|" * len(families)
    for key, row in cells.items():
        yield "| " + " | ".join([*key, *(row.get(name, "-") for name in families)]) + " |"


def markdown_no_harm(tables: dict[str, list[Record]]) -> Iterator[str]:
    yield f"\n### No harm: difference of log10(r + 0.001), margin {MARGIN}\n"
    yield "| history | method | against | trials | difference | power | verdict |"
    yield "|---|---|---|---|---|---|---|"
    for record in tables["no_harm"]:
        names = ("history", "method", "against", "trials")
        cells = [*(str(record[name]) for name in names), _cell(record)]
        yield "| " + " | ".join([*cells, f"{record['power']:.2f}", record["verdict"]]) + " |"


def _cell(record: Record) -> str:
    return f"{record['mean']:+.2f} [{record['low']:+.2f}, {record['high']:+.2f}]"
