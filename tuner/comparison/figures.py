"""The figures of a comparison: curves of each task, intervals of each contrast."""

import re
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from tuner.comparison.records import Comparison, Contrast, Curve, Result
from tuner.comparison.verdict import is_shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"tpe": "#009e73", "cold": "#0072b2", "default": "#e69f00", "warm": "#d55e00"}
"""Told apart by the colour-blind: Okabe and Ito's palette."""
STYLES = {"tpe": "-.", "cold": ":", "default": "--", "warm": "-"}
COLUMNS, TITLE_WIDTH = 2, 32


def draw(comparison: Comparison, folder: Path) -> list[Path]:
    """Write the figures into the folder and return their files."""
    import matplotlib

    # Without the date the same comparison gives the same file; text stays text.
    files = []
    with matplotlib.rc_context(
        {
            **{"svg.hashsalt": "warmtune", "svg.fonttype": "none", "pdf.fonttype": 42},
            "text.parse_math": False,  # a name is no formula
        }
    ):
        for task in dict.fromkeys(curve.task for curve in comparison.curves):
            curves = [curve for curve in comparison.curves if curve.task == task]
            files += _save(_curves(curves), folder / _file_name(task))
        for contrast in comparison.contrasts:
            if contrast.results:
                name = f"{contrast.candidate}-against-{contrast.baseline}"
                files += _save(_intervals(contrast), folder / name)
    return files


def _file_name(task: str) -> str:
    """The task, whatever its name, as a file of the folder."""
    return re.sub(r"[^\w.-]+", "_", task).lstrip(".") or "task"


def _save(figure: "Figure", stem: Path) -> list[Path]:
    files = [stem.with_name(f"{stem.name}.{kind}") for kind in ("svg", "pdf")]
    for file, undated in zip(files, ({"Date": None}, {"CreationDate": None}), strict=True):
        figure.savefig(file, metadata=undated)
    return files


def _curves(curves: Sequence[Curve]) -> "Figure":
    """The best value over trials, and over cost."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 2.8), layout="constrained")
    names = list(dict.fromkeys(curve.axis for curve in curves))
    plots = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for plot, name in zip(plots, names, strict=True):
        for curve in (c for c in curves if c.axis == name):
            _curve(plot, curve)
        plot.set_xlabel(name)
    plots[0].set_ylabel(f"best {curves[0].metric} (median, quartiles)")
    plots[0].legend(frameon=False)
    figure.suptitle(curves[0].task)
    return figure


def _curve(plot: "Axes", curve: Curve) -> None:
    colour, style = COLOURS.get(curve.arm), STYLES.get(curve.arm, "-")
    label = f"{curve.arm} ({curve.seeds} seeds)"
    plot.step(curve.x, curve.median, style, color=colour, where="post", label=label)
    plot.fill_between(curve.x, curve.low, curve.high, step="post", color=colour, alpha=0.15, lw=0)


def _intervals(contrast: Contrast) -> "Figure":
    """A plot for each measure: the effect on each task and over all of them, filled if shown."""
    from matplotlib.figure import Figure

    results = contrast.results
    rows = -(-len(results) // COLUMNS)
    tall = sum(
        1.1 + 0.22 * max(len(item.effects) for item in results[COLUMNS * row :][:COLUMNS])
        for row in range(rows)
    )
    figure = Figure(figsize=(7.0, tall + 0.4), layout="constrained")
    plots = figure.subplots(rows, COLUMNS, squeeze=False).flat
    for result, plot in zip(results, plots, strict=False):
        _forest(plot, result)
    for plot in list(plots):
        plot.set_axis_off()
    figure.suptitle(f"{contrast.candidate} against {contrast.baseline}, with 95 % intervals")
    return figure


def _forest(plot: "Axes", result: Result) -> None:
    for row, effect in enumerate(result.effects):
        value, low, high = result.on_axis(effect)
        if low is not None and high is not None:
            plot.plot([low, high], [row, row], "-", color="black", lw=1)
        shown = "full" if is_shown(result.measure, effect) else "none"
        plot.plot([value], [row], "o", color="black", fillstyle=shown, markersize=4)
    plot.axvline(result.measure.neutral, color="grey", lw=0.8)
    if result.measure.scale == "ratio":
        plot.set_xscale("log")
        plot.xaxis.set_major_formatter("{x:g}")
    plot.set_yticks(range(len(result.effects)), [effect.scope for effect in result.effects])
    plot.set_ylim(len(result.effects) - 0.5, -0.5)
    plot.set_title(fill(result.measure.title, TITLE_WIDTH), fontsize="small")
    plot.set_xlabel(f"{result.axis}\n({result.measure.better} is better)", fontsize="x-small")
    plot.tick_params(labelsize="x-small")
    plot.tick_params("x", which="minor", labelbottom=False)
