"""A comparison as text for the terminal, and as rows for CSV and LaTeX."""

from collections.abc import Iterator
from typing import Any

from tuner.comparison.records import Comparison, Contrast, Effect, Measure
from tuner.terminal import columns

HEADING = (
    *("measure", "scope", "pairs", "baseline", "candidate", "effect", "low", "high", "unit"),
    *("t p", "Holm p", "Wilcoxon p", "d", "rank-biserial", "detectable"),
)


def text(comparison: Comparison) -> str:
    """The verdicts on the primary measure first, then all numbers, then what limits them."""
    lines: list[str] = []
    for contrast in comparison.contrasts:
        lines += [*_verdicts(contrast), ""]
    for contrast in comparison.contrasts:
        rows = [[_shown(cell) for cell in row] for row in contrast_rows(contrast)]
        lines += [
            f"{contrast.candidate} against {contrast.baseline}",
            columns([HEADING, *rows]),
            "",
        ]
    lines += [columns([COSTS, *cost_rows(comparison)]), ""]
    lines += [f"note: {note}" for note in comparison.notes]
    return "\n".join(lines).rstrip()


def _verdicts(contrast: Contrast) -> Iterator[str]:
    primary = contrast.results[0]
    yield f"{contrast.candidate} against {contrast.baseline}, {primary.measure.title}:"
    overall = [primary.overall] if primary.overall else []
    for effect in (*overall, *primary.tasks):
        yield f"  {effect.scope}: {effect.verdict}"


def contrast_rows(contrast: Contrast) -> Iterator[list[Any]]:
    """A row of ``HEADING`` for each measure and scope."""
    for result in contrast.results:
        overall = [result.overall] if result.overall else []
        for effect in (*overall, *result.tasks):
            yield _row(result.measure, effect)


def _row(measure: Measure, effect: Effect) -> list[Any]:
    return [
        measure.title,
        effect.scope,
        effect.pairs,
        effect.baseline,
        effect.candidate,
        effect.effect,
        effect.low,
        effect.high,
        effect.unit,
        effect.t_p,
        effect.holm_p,
        effect.wilcoxon_p,
        effect.cohens_d,
        effect.rank_biserial,
        effect.detectable,
    ]


COSTS = ("task", "arm", "studies", "trials", "training s", "running s", "GPU-hours")


def cost_rows(comparison: Comparison) -> list[list[object]]:
    """A row of ``COSTS`` for each task and arm."""
    return [
        [
            *(cost.task, cost.arm, cost.studies, cost.trials),
            *(round(cost.training_seconds, 1), round(cost.running_seconds, 1), cost.gpu_hours),
        ]
        for cost in comparison.costs
    ]


def _shown(cell: object) -> object:
    if cell is None:
        return "-"
    return f"{cell:.3g}" if isinstance(cell, float) else cell
