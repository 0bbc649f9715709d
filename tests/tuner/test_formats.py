"""Journals that earlier versions wrote stay readable: opened, drawn, and reported again.

A folder of `tests/formats` is named after what was as it is no longer.
"""

import shutil
from pathlib import Path

import pytest

from tests.sources import ROOT
from tests.tuner.report.pages import Page
from tuner.config import RunOptions
from tuner.driver import resume
from tuner.journal import Journal
from tuner.report import write_report

FORMATS = sorted(path.name for path in (ROOT / "tests" / "formats").iterdir() if path.is_dir())


@pytest.fixture
def run_dir(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A copy of the directory that the test is asked for."""
    return Path(shutil.copytree(ROOT / "tests" / "formats" / request.param, tmp_path / "run"))


@pytest.mark.parametrize("run_dir", FORMATS, indirect=True)
def test_a_journal_of_before_is_opened_and_drawn(run_dir: Path) -> None:
    journal = Journal.open(run_dir)
    journal.close()
    assert len(journal.trials) >= 5
    assert journal.study.best is not None
    write_report([run_dir], run_dir / "report.html")
    assert "bowl-curve" in Page((run_dir / "report.html").read_text()).text


@pytest.mark.parametrize("run_dir", FORMATS, indirect=True)
def test_what_is_kept_beside_a_study_is_in_the_words_of_today(run_dir: Path) -> None:
    journal = Journal.open(run_dir)
    journal.close()
    past = journal.header["past"]
    assert [{*source} for source in past["sources"]] in ([], [{"id", "name", "related", "trials"}])
    assert past["refused"] == {}
    assert journal.header["config"]["final"] == {"seeds": 1}
    assert [fit.seed for fit in journal.final_fits] in ([], [journal.study.seed])


@pytest.mark.parametrize("run_dir", ["one-final-fit"], indirect=True)
def test_how_far_the_past_was_trusted_stood_in_the_origin(run_dir: Path) -> None:
    journal = Journal.open(run_dir)
    journal.close()
    shares = [trial.trust for trial in journal.study.trials]
    assert shares == [None, None, None, 0.82, 0.82, 0.0, 0.85, 0.91]


@pytest.mark.slow
@pytest.mark.parametrize("run_dir", ["one-final-fit"], indirect=True)
def test_a_study_that_was_over_before_is_only_reported(
    run_dir: Path, mlflow_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One final fit was what it asked for, and its seed is the study's own."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_store)
    before = (run_dir / "journal.db").read_bytes()
    report = resume(run_dir, RunOptions(quiet=True, address="127.0.0.1:1"))
    assert report.tested is not None
    assert [fit.seed for fit in report.tested.fits] == [report.study.seed]
    assert (run_dir / "journal.db").read_bytes() == before
