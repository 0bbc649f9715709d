"""``tuner report`` and ``tuner compare --html``, from run directories to a file."""

import json
from pathlib import Path

import pytest

from tests.tuner.comparison.studies import finished
from tests.tuner.report.pages import TRIALS, Page
from tests.tuner.studies import journal
from tuner.cli import main


def test_report_writes_the_page_into_the_run_directory_and_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal(tmp_path, *TRIALS).close()
    assert main(["report", str(tmp_path), "--json"]) == 0
    file = Path(json.loads(capsys.readouterr().out)["file"])
    assert file == tmp_path / "report.html"
    assert "toy-curve, warm, seed 0" in Page(file.read_text()).text


def test_compare_writes_the_page_of_real_studies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in range(3):
        for arm, best in (("cold", 2.0), ("warm", 1.0)):
            finished(tmp_path, arm, seed, [3.0, best + seed / 10], test=best)
    runs = [str(path) for path in sorted(tmp_path.iterdir())]
    file = tmp_path / "page.html"
    assert main(["compare", *runs, "--html", str(file)]) == 0
    text = Page(file.read_text()).text
    verdict = capsys.readouterr().out.splitlines()
    assert "warm against cold" in text
    assert any(line.strip() and line.strip() in text for line in verdict)
    assert "toy-curve" in text
