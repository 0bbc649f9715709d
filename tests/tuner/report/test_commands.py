"""``tuner report`` and ``tuner compare --html``, from run directories to a file."""

import json
from pathlib import Path

import pytest

from tests.tuner.comparison.studies import CONFIG, finished
from tests.tuner.report.pages import TRIALS, Page
from tests.tuner.studies import journal
from tuner.cli import main
from tuner.design import Design, Record


def test_report_writes_the_page_into_the_run_directory_and_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal(tmp_path, *TRIALS).close()
    assert main(["report", str(tmp_path), "--json"]) == 0
    file = Path(json.loads(capsys.readouterr().out)["file"])
    assert file == tmp_path / "report.html"
    assert "toy-curve, warm, seed 0" in Page(file.read_text()).text


def test_report_of_an_experiment_shows_the_studies_that_have_begun(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    design = Design((CONFIG,), ("cold", "warm"), (0, 1), ("tuner run toy-curve",))
    Record(design).write(tmp_path)
    assert main(["report", str(tmp_path)]) == 5
    assert "no study has begun" in capsys.readouterr().err
    for arm in ("warm", "cold"):
        study = finished(tmp_path / "made", arm, 0, [3.0, 2.0]).directory
        (tmp_path / "toy-curve").mkdir(exist_ok=True)
        study.rename(tmp_path / "toy-curve" / f"{arm}-0")
    assert main(["report", str(tmp_path)]) == 0
    text = Page((tmp_path / "report.html").read_text()).text
    assert "toy-curve, 2 studies" in text
    assert text.index("cold, seed 0 (cold-0)") < text.index("warm, seed 0 (warm-0)")


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
    assert "toy-curve, warm, seed 0" in text, "a study of each arm in full"
