"""Which studies may be compared: those that agree in all but the arm; a clear refusal otherwise."""

from collections.abc import Iterator, Sequence
from typing import Any

from tuner.comparison.measures import Pairing
from tuner.comparison.runs import FinishedRun
from tuner.errors import UsageError

OF_THE_ARM = ("seed", "tracking", "warm_start", "code")
"""Keys of a configuration that do not change what is compared, or are checked elsewhere."""
REMEDY = "Run both with the same options and versions, or `tuner run TASK --arms cold,warm`"

Table = dict[tuple[str, int], dict[str, FinishedRun]]
"""The studies by task and seed, then by arm."""


def tabulate(runs: Sequence[FinishedRun]) -> tuple[Table, list[str]]:
    """The studies by what pairs them, and what was left out of them.

    Raises ``UsageError`` naming the difference if studies of one task and seed do not agree.
    """
    table: Table = {}
    notes = []
    for run in runs:
        arms = table.setdefault((run.study.task.id, run.study.seed), {})
        if run.study.arm in arms:
            older = arms[run.study.arm].directory
            notes.append(f"{older}: left out, {run.directory} is the same study and newer.")
        arms[run.study.arm] = run
    faults = [fault for arms in table.values() for fault in _disagreements(list(arms.values()))]
    if faults:
        raise UsageError(*faults)
    return table, notes


def pairings(table: Table, baseline: str, candidate: str) -> tuple[list[Pairing], list[str]]:
    """The pairs of two arms, and a note for each that lacks a study or a part of one."""
    found, notes = [], []
    for (task, seed), arms in table.items():
        lack = ""
        if baseline in arms and candidate in arms:
            found.append((arms[baseline], arms[candidate]))
            lack = _lack(arms[baseline], arms[candidate])
        elif baseline in arms or candidate in arms:
            missing = candidate if baseline in arms else baseline
            lack = f"no {missing} study, so no pair"
        notes += [f"{task}, seed {seed}: {lack}."] if lack else []
    return found, notes


def _lack(baseline: FinishedRun, candidate: FinishedRun) -> str:
    """What keeps a pair out of some of the measures."""
    barren = [run.study.arm for run in (baseline, candidate) if run.best is None]
    if barren:
        left = "only the area has" if len(barren) == 1 else "no measure has"
        return f"no trial of {' or '.join(barren)} completed, so {left} this pair"
    if baseline.tested_seeds == candidate.tested_seeds:
        return ""
    arms = " and ".join(
        f"{run.study.arm} ({len(run.tested_seeds)})" for run in (baseline, candidate)
    )
    return f"the final fits of {arms} are not of the same seeds, so the test values lack this pair"


def leaks(table: Table) -> list[str]:
    """A note for each study that learned from another one of this comparison."""
    compared = {run.study.id: run for arms in table.values() for run in arms.values()}
    notes = []
    for arms in table.values():
        for run in arms.values():
            sources = {source["id"] for source in run.header["past"]["sources"]}
            known = sorted(sources & compared.keys() - {run.study.id})
            if known:
                notes.append(
                    f"{run.directory}: learned from {len(known)} studies that are compared here,"
                    " which flatters it. `tuner run TASK --arms cold,warm` keeps them apart."
                )
    return notes


def _disagreements(runs: Sequence[FinishedRun]) -> Iterator[str]:
    first, *others = runs
    for other in others:
        for what, mine, theirs in _differences(_facts(first), _facts(other)):
            study = first.study
            if what == "sampler" and "tpe" in (study.arm, other.study.arm):
                continue
            yield (
                f"cannot pair {study.arm} and {other.study.arm} of {study.task.id}, seed"
                f" {study.seed}: {what} differs ({mine} in {first.directory}, {theirs} in"
                f" {other.directory}). {REMEDY}."
            )


def _facts(run: FinishedRun) -> dict[str, Any]:
    """What must be equal, in the order in which a difference is told."""
    config = {k: v for k, v in run.header["config"].items() if k not in OF_THE_ARM}
    return {
        "data": run.study.fingerprint,
        **config,
        "versions": run.header.get("versions", {}),
    }


def _differences(
    mine: dict[str, Any], theirs: dict[str, Any], prefix: str = ""
) -> Iterator[tuple[str, object, object]]:
    for key in dict.fromkeys([*mine, *theirs]):
        left, right = mine.get(key), theirs.get(key)
        if isinstance(left, dict) and isinstance(right, dict):
            yield from _differences(left, right, f"{prefix}{key}.")
        elif left != right:
            yield f"{prefix}{key}", left, right
