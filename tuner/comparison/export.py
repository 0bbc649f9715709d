"""A comparison in a folder, for a paper: tables as CSV and LaTeX, figures as SVG and PDF."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tuner.comparison.figures import draw
from tuner.comparison.records import Comparison
from tuner.comparison.tables import HEADING, contrast_rows, cost_table
from tuner.errors import EnvironmentFault

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
        return [*_tables(comparison, folder), *draw(comparison, folder)]
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
