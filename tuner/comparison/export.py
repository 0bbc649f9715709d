"""A comparison in a folder, for a paper: tables as CSV and LaTeX, curves as SVG and PDF."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.comparison.records import Comparison, Curve
from tuner.comparison.tables import HEADING, contrast_rows, cost_table
from tuner.errors import EnvironmentFault

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {"tpe": "#009e73", "cold": "#0072b2", "default": "#e69f00", "warm": "#d55e00"}
"""Told apart by the colour-blind: Okabe and Ito's palette."""
STYLES = {"tpe": "-.", "cold": ":", "default": "--", "warm": "-"}
SPECIAL = {"&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}"}
SPECIAL |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
SPECIAL |= {
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
}


def export(comparison: Comparison, folder: Path) -> list[Path]:
    """Write all into ``folder`` and return the files; raises ``EnvironmentFault``."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [*_tables(comparison, folder), *_plots(comparison, folder)]
    except OSError as error:
        raise EnvironmentFault(
            f"--export {folder}: {error.strerror or error}. Name a folder that is yours to write."
        ) from None


def _tables(comparison: Comparison, folder: Path) -> list[Path]:
    files = []
    tables: dict[str, tuple[Sequence[str], list[list[Any]]]] = {
        f"{contrast.candidate}-against-{contrast.baseline}": (
            HEADING,
            list(contrast_rows(contrast)),
        )
        for contrast in comparison.contrasts
    }
    tables["costs"] = cost_table(comparison)
    for name, (heading, rows) in tables.items():
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([heading, *rows])
        (folder / f"{name}.tex").write_text(latex(heading, rows), encoding="utf-8")
        files += [folder / f"{name}.csv", folder / f"{name}.tex"]
    return files


def latex(heading: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    r"""A ``tabular`` for the package booktabs; everything is escaped."""
    lines = [" & ".join(map(_cell, row)) + r" \\" for row in (heading, *rows)]
    numbers = "r" * (len(heading) - 2)
    begin = rf"\begin{{tabular}}{{ll{numbers}}}"
    return "\n".join(
        [
            begin,
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def _cell(value: object) -> str:
    if value is None:
        return "--"
    if isinstance(value, float):
        return _number(value)
    text = " ".join(str(value).split())
    return "".join(SPECIAL.get(character, character) for character in text)


def _number(value: float) -> str:
    """Three digits with a minus, not a hyphen, and with powers of ten."""
    mantissa, _, power = f"{value + 0.0:.3g}".partition("e")
    if power:
        return rf"${mantissa} \times 10^{{{int(power)}}}$"
    return f"${mantissa}$" if value < 0 else mantissa


def _plots(comparison: Comparison, folder: Path) -> list[Path]:
    """One figure for each task: the best value over trials, and over cost."""
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
            files += _figure(
                [c for c in comparison.curves if c.task == task], folder / _file_name(task)
            )
    return files


def _file_name(task: str) -> str:
    """The task, whatever its name, as a file of the folder."""
    return re.sub(r"[^\w.-]+", "_", task).lstrip(".") or "task"


def _figure(curves: Sequence[Curve], stem: Path) -> list[Path]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 2.8), layout="constrained")
    names = list(dict.fromkeys(curve.axis for curve in curves))
    plots = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for plot, name in zip(plots, names, strict=True):
        for curve in (c for c in curves if c.axis == name):
            _draw(plot, curve)
        plot.set_xlabel(name)
    plots[0].set_ylabel(f"best {curves[0].metric} (median, quartiles)")
    plots[0].legend(frameon=False)
    figure.suptitle(curves[0].task)
    files = [stem.with_name(f"{stem.name}.{kind}") for kind in ("svg", "pdf")]
    for file, undated in zip(files, ({"Date": None}, {"CreationDate": None}), strict=True):
        figure.savefig(file, metadata=undated)
    return files


def _draw(plot: "Axes", curve: Curve) -> None:
    colour, style = COLOURS.get(curve.arm), STYLES.get(curve.arm, "-")
    label = f"{curve.arm} ({curve.seeds} seeds)"
    plot.step(curve.x, curve.median, style, color=colour, where="post", label=label)
    plot.fill_between(curve.x, curve.low, curve.high, step="post", color=colour, alpha=0.15, lw=0)
