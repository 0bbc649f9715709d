"""Compares the arms of finished studies, each pair of arms on every measure."""

from collections.abc import Sequence
from itertools import combinations

from tuner.comparison.curves import Groups, costs, curves
from tuner.comparison.effects import assess
from tuner.comparison.measures import Pairing, measured
from tuner.comparison.pairing import Table, leaks, pairings, tabulate
from tuner.comparison.records import Comparison, Contrast, Result
from tuner.comparison.repeat import commands, environment
from tuner.comparison.runs import FinishedRun
from tuner.config import ARMS
from tuner.errors import UsageError
from tuner.summary import SYNTHETIC


def compare(runs: Sequence[FinishedRun], notes: Sequence[str] = ()) -> Comparison:
    """The arms of ``runs``, paired by task and seed.

    Raises ``UsageError`` if studies that should be a pair differ in more than their arm, or if
    there is no pair.
    """
    table, left_out = tabulate(runs)
    generated = any(run.header["config"].get("synthetic") for run in runs)
    told = [*([f"{SYNTHETIC}."] if generated else []), *notes, *left_out, *leaks(table)]
    present = [arm for arm in ARMS if any(arm in arms for arms in table.values())]
    contrasts, barren = [], []
    for baseline, candidate in combinations(present, 2):
        found, missing = pairings(table, baseline, candidate)
        told += missing
        if results := _results(found):
            contrasts.append(Contrast(baseline, candidate, results))
        else:
            barren += found
    if not contrasts:
        raise UsageError(f"nothing to compare: {_nothing(table, barren)}")
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


def _results(found: Sequence[Pairing]) -> tuple[Result, ...]:
    metrics = {run.study.task.id: run.study.metric.name for run, _ in found}
    return tuple(assess(measure, pairs, metrics) for measure, pairs in measured(found))


def _nothing(table: Table, barren: Sequence[Pairing]) -> str:
    """What was found, for somebody who expected more."""
    if barren:
        return (
            f"no trial completed in {barren[0][0].directory} and its like. `tuner resume RUN_DIR`"
            " says why."
        )
    seen = [f"{task}, seed {seed}: {', '.join(arms)}" for (task, seed), arms in table.items()]
    return (
        f"{'; '.join(seen[:5]) or 'no study'}. Run the other arm with the same options, e.g."
        " `tuner run TASK --baseline --repeats 5`."
    )
