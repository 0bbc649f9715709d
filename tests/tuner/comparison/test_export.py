"""The tables and figures for a paper."""

import csv
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tuner.comparison.studies import finished
from tuner.comparison.compare import compare
from tuner.comparison.export import export, latex
from tuner.comparison.records import Comparison
from tuner.errors import EnvironmentFault


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    return compare(
        [
            finished(tmp_path, arm, seed, (3.0, 2.0 - seed / 10, level + seed / 9))
            for arm, level in (("cold", 1.0), ("warm", 0.8))
            for seed in range(4)
        ]
    )


FIGURES = ("svg", "pdf")


def test_tables_come_as_csv_and_latex_and_figures_as_svg_and_pdf(
    comparison: Comparison, tmp_path: Path
) -> None:
    names = {file.name for file in export(comparison, tmp_path / "paper")}
    tables = {"warm-against-cold", "costs"}
    assert names == {f"{name}.{kind}" for name in tables for kind in ("csv", "tex")} | {
        *(f"{name}.{kind}" for name in ("toy-curve", "warm-against-cold") for kind in FIGURES)
    }
    with (tmp_path / "paper" / "warm-against-cold.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(comparison.contrasts[0].results)
    effect = comparison.contrasts[0].results[0].headline
    assert float(rows[0]["effect"]) == effect.effect
    assert "cold (4 seeds)" in (tmp_path / "paper" / "toy-curve.svg").read_text()
    intervals = (tmp_path / "paper" / "warm-against-cold.svg").read_text()
    titles = [result.measure.title.split()[0] for result in comparison.contrasts[0].results]
    assert all(title in intervals for title in titles)


def test_the_same_comparison_gives_the_same_figures(comparison: Comparison, tmp_path: Path) -> None:
    first, second = (export(comparison, tmp_path / name) for name in ("a", "b"))
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


def test_latex_is_escaped() -> None:
    table = latex(("a", "b", "c"), [["x_1 & 5 %", r"\input{/etc}", None]])
    assert r"x\_1 \& 5 \% & \textbackslash{}input\{/etc\} & -- \\" in table


def test_latex_numbers_have_a_minus_and_powers_of_ten() -> None:
    table = latex(("a", "b", "c"), [[-0.25, 20589.6, -3e-7], [-0.0, 1, "a <b> | c\nd"]])
    assert r"$-0.25$ & $2.06 \times 10^{4}$ & $-3 \times 10^{-7}$ \\" in table
    assert r"0 & 1 & a \textless{}b\textgreater{} \textbar{} c d \\" in table


def test_every_row_of_a_latex_table_has_the_cells_that_its_columns_ask_for(
    comparison: Comparison, tmp_path: Path
) -> None:
    for file in export(comparison, tmp_path / "paper"):
        if file.suffix == ".tex":
            text = file.read_text()
            (columns,) = re.findall(r"\\begin\{tabular\}\{([lr]+)\}", text)
            rows = [line for line in text.splitlines() if line.endswith(r" \\")]
            assert len(rows) > 1
            assert {row.count(" & ") + 1 for row in rows} == {len(columns)}
            assert not re.search(r"(?<!\\)[%#_~^]|[<>|]", re.sub(r"\$[^$]*\$", "", text))
            assert text.count("{") == text.count("}")


def test_pandas_reads_the_tables(comparison: Comparison, tmp_path: Path) -> None:
    import pandas

    export(comparison, tmp_path)
    effects = pandas.read_csv(tmp_path / "warm-against-cold.csv")
    costs = pandas.read_csv(tmp_path / "costs.csv")
    assert effects["effect"].dtype == costs["training s"].dtype == float
    assert list(costs["arm"]) == ["cold", "warm"]


def test_a_task_of_any_name_stays_in_the_folder_and_is_no_formula(
    comparison: Comparison, tmp_path: Path
) -> None:
    curves = tuple(
        replace(curve, task="../../x$_{", metric="$\\frac") for curve in comparison.curves
    )
    files = export(replace(comparison, curves=curves), tmp_path / "paper")
    assert {file.parent for file in files} == {tmp_path / "paper"}
    figure, _ = (file for file in files if file.suffix == ".svg")
    assert "x$_{" in figure.read_text()


def test_a_folder_that_cannot_be_made_is_told(comparison: Comparison, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentFault, match="Name a folder"):
        export(comparison, tmp_path / "file")
