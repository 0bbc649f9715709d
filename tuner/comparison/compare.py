"""Compares the arms of finished studies, each pair of arms on every measure."""

from collections.abc import Sequence
from itertools import combinations

from tuner.comparison.curves import Groups, costs, curves
from tuner.comparison.effects import assess
from tuner.comparison.measures import Pairing, measured
from tuner.comparison.pairing import leaks, pairings, tabulate
from tuner.comparison.records import Comparison, Contrast
from tuner.comparison.repeat import commands, environment
from tuner.comparison.runs import Run
from tuner.config import ARMS
from tuner.errors import UsageError


def compare(runs: Sequence[Run], notes: Sequence[str] = ()) -> Comparison:
    """The arms of ``runs``, paired by task and seed.

    Raises ``UsageError`` if studies that should be a pair differ in more than their arm, or if
    there is no pair.
    """
    table, left_out = tabulate(runs)
    told = [*notes, *left_out, *leaks(table)]
    present = [arm for arm in ARMS if any(arm in arms for arms in table.values())]
    contrasts = []
    for baseline, candidate in combinations(present, 2):
        found, missing = pairings(table, baseline, candidate)
        told += missing
        if found:
            contrasts.append(_contrast(baseline, candidate, found))
    if not contrasts:
        raise UsageError(
            f"nothing to compare: {_present(table)}. Run the other arm with the same options, e.g."
            " `tuner run TASK --baseline --repeats 5`."
        )
    groups: Groups = {}
    for (task, _), arms in table.items():
        for arm in present:
            if arm in arms:
                groups.setdefault((task, arm), []).append(arms[arm])
    kept = [run for arms in table.values() for run in arms.values()]
    return Comparison(
        tasks=tuple(dict.fromkeys(task for task, _ in table)),
        arms=tuple(present),
        contrasts=tuple(contrasts),
        curves=tuple(curves(groups)),
        costs=tuple(costs(groups)),
        notes=tuple(dict.fromkeys(told)),
        directories=tuple(str(run.directory) for run in kept),
        commands=tuple(commands(kept)),
        environment=environment(kept),
    )


def _contrast(baseline: str, candidate: str, found: Sequence[Pairing]) -> Contrast:
    metrics = {run.study.task.id: run.study.metric.name for run, _ in found}
    results = [assess(measure, pairs, metrics) for measure, pairs in measured(found)]
    if not results:
        raise UsageError(
            f"nothing to compare: no trial completed in {found[0][0].directory} and its like."
            " `tuner resume RUN_DIR` says why."
        )
    return Contrast(baseline, candidate, tuple(results))


def _present(table: dict[tuple[str, int], dict[str, Run]]) -> str:
    """What was found, for somebody who expected a pair."""
    seen = [f"{task}, seed {seed}: {', '.join(arms)}" for (task, seed), arms in table.items()]
    return "; ".join(seen[:5]) or "no study"
