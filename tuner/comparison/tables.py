"""A comparison as text for the terminal, and as rows for CSV and LaTeX."""

from collections.abc import Callable, Iterator
from typing import Any

from tuner.comparison.records import Comparison, Contrast, Cost, Effect, Measure
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
    heading, costs = cost_table(comparison)
    lines += [columns([heading, *costs]), ""]
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


COSTS: dict[str, Callable[[Cost], object]] = {
    "task": lambda cost: cost.task,
    "arm": lambda cost: cost.arm,
    "studies": lambda cost: cost.studies,
    "trials": lambda cost: cost.trials,
    "running s": lambda cost: round(cost.running_seconds, 1),
    "training s": lambda cost: round(cost.training_seconds, 1),
    "final fits s": lambda cost: round(cost.final_seconds, 1),
    "GPU-hours": lambda cost: _rounded(cost.usage["search"]["gpu_hours"] or None),
    "final GPU-hours": lambda cost: _rounded(cost.usage["final_fits"]["gpu_hours"] or None),
    "CPU-hours": lambda cost: _rounded(cost.usage["search"]["cpu_hours"] or None),
    "final CPU-hours": lambda cost: _rounded(cost.usage["final_fits"]["cpu_hours"] or None),
    "CPU %": lambda cost: _rounded(cost.usage["cpu_percent"]),
    "GPU %": lambda cost: _rounded(cost.usage["gpu_percent"]),
    "memory GB": lambda cost: _rounded(cost.usage["peak_host_bytes"], 1e9),
    "GPU memory GB": lambda cost: _rounded(cost.usage["peak_gpu_bytes"], 1e9),
    "energy kWh": lambda cost: _rounded(cost.usage["energy_joules"], 3.6e6),
    "searching %": lambda cost: _rounded(cost.usage["search"]["share"], 0.01),
    "final fits %": lambda cost: _rounded(cost.usage["final_fits"]["share"], 0.01),
    "orchestration %": lambda cost: _rounded(cost.usage["overhead"], 0.01),
}
"""The columns of what each arm used."""


def cost_table(comparison: Comparison) -> tuple[list[str], list[list[object]]]:
    """Heading and a row for each task and arm; without the columns that nobody measured."""
    cells = {name: [read(cost) for cost in comparison.costs] for name, read in COSTS.items()}
    known = {name: found for name, found in cells.items() if any(c is not None for c in found)}
    return [*known], [list(row) for row in zip(*known.values(), strict=True)]


def _rounded(amount: float | None, unit: float = 1.0) -> float | None:
    """Three digits, in ``unit``."""
    return None if amount is None else float(f"{amount / unit:.3g}")


def _shown(cell: object) -> object:
    if cell is None:
        return "-"
    return f"{cell + 0.0:.3g}" if isinstance(cell, float) else cell
