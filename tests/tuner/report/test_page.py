"""One page: complete, closed to the outside, readable without eyes, and small."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from meta.study import Metric, Trial, TrialState
from tests.tuner.report.pages import HEADER, TRIALS, Page, finished_run, run
from tests.tuner.studies import journal, trial
from tuner.errors import EnvironmentFault, RunDirectoryError, UsageError
from tuner.events import Allotted, FinalFit, Finished, Requeued, Used
from tuner.report import write_report
from tuner.report.material import Run, read_run, read_runs
from tuner.report.page import study_page
from tuner.summary import SYNTHETIC
from tuner.usage import Usage

MAX_BYTES = 1_500_000
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def html() -> str:
    return study_page([finished_run()])


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_a_page_shows_every_section(page: Page) -> None:
    for title in (
        *("Result", "Best value so far", "All trials", "Good and bad configurations"),
        *("Importance of the parameters", "Stopped early", "Where the time went"),
        *("First configurations", "Weight of the past", "Forecast and outcome"),
        *("Refused history", "Failures", "Environment"),
    ):
        assert title in page.text


def test_the_result_comes_first_with_validation_and_test_value(page: Page) -> None:
    text = page.text
    assert "Best loss 0.2 on validation data, 0.22 on test (trial 3 of 4" in text
    assert "tuner run toy-curve --seed 0" in text


def test_nothing_runs_and_nothing_is_fetched(html: str, page: Page) -> None:
    assert not page.all("script")
    assert not [tag for tag, _ in page.elements if tag in {"link", "img", "iframe", "object"}]
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on"), f"{tag} {name}"
            assert name not in {"style", "src", "srcset", "action"}, f"{tag} {name}"
            if name in {"href", "xlink:href"}:
                assert (value or "").startswith("#"), f"{tag} {value}"
    assert "url(" not in html
    assert "@import" not in html


def test_the_policy_allows_the_style_sheet_by_its_hash_and_nothing_else(html: str) -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = Page(html).all("meta")[1]
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert policy["content"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def test_every_figure_has_a_text_alternative_and_a_caption(page: Page) -> None:
    plots = [svg for svg in page.all("svg") if svg.get("class") == "plot"]
    assert len(plots) >= 7
    for plot in plots:
        assert plot["role"] == "img"
        assert len(plot["aria-label"] or "") > 20
    assert len(page.all("figcaption")) == len(page.all("figure")) == len(plots)


def test_every_section_with_a_figure_has_a_table_or_names_one(html: str) -> None:
    for part in re.findall(r"<section.*?</section>", html, re.DOTALL):
        if "<figure" in part:
            assert "<table" in part or "the table of all trials" in part


def test_landmarks_are_there(page: Page) -> None:
    assert {"header", "nav", "main", "footer"} <= {tag for tag, _ in page.elements}


def test_every_link_and_reference_has_one_target(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.elements:
        for reference in (attributes.get("href"), attributes.get("aria-labelledby")):
            assert reference is None or reference.removeprefix("#") in ids


def test_synthetic_data_are_said_first(page: Page) -> None:
    header = {**HEADER, "config": {**HEADER["config"], "synthetic": True}}
    assert SYNTHETIC in Page(study_page([run(*TRIALS, header=header)])).text
    assert SYNTHETIC not in page.text


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (run(), "No trial was started."),
        (run(trial(0, TrialState.RUNNING)), "No trial has measured anything."),
        (run(trial(0, TrialState.RUNNING, 0.5)), "This study has not ended"),
        (run(trial(0, TrialState.FAILED)), "no trial completed"),
        (run(trial(0, TrialState.DIVERGED, 9.0)), "no trial completed"),
        (run(trial(0, TrialState.STOPPED, 0.5, 0.4)), "No trial has completed yet."),
        (run(*TRIALS, ends=(Finished("all trials done"),)), "the final fit was not made"),
        (run(*TRIALS, header={}), "The journal names no configuration."),
        (run(*TRIALS, header={"past": {"points": []}}), "began without recommendations"),
    ],
)
def test_what_is_missing_is_said(made: Run, told: str) -> None:
    assert told in Page(study_page([made])).text


def test_a_resumed_study_says_so() -> None:
    ran = finished_run()
    late = [replace(e, unix_time=e.unix_time + 60 * (e.sequence > 5)) for e in ran.entries]
    resumed = Run(ran.directory, ran.study, ran.header, late)
    text = Page(study_page([resumed])).text
    assert "interrupted and resumed 1 times; 60 s passed in between" in text


def test_failures_are_grouped_by_reason() -> None:
    failed = [
        replace(trial(n, TrialState.FAILED), reason=f"{why}\ntraceback")
        for n, why in enumerate(["out of memory", "out of memory", "bad label"])
    ]
    assert (
        "out of memory failed 2 0, 1 bad label failed 1 2" in Page(study_page([run(*failed)])).text
    )


def _many(count: int) -> list[Trial]:
    states = (TrialState.COMPLETED, TrialState.STOPPED, TrialState.STOPPED)
    return [
        replace(
            trial(n, states[n % 3], *(10 / (step + 1) - n % 7 / 10 for step in range(10))),
            config={"x": n % 97 / 97, "depth": 1 + n % 5},
        )
        for n in range(count)
    ]


@pytest.mark.parametrize("count", [1000, 3000])
def test_a_page_stays_small_however_many_trials(count: int) -> None:
    html = study_page([run(*_many(count))])
    assert len(html.encode()) < MAX_BYTES
    assert ("Drawn and listed are the 1000 best" in html) == (count > 1000)


def test_several_runs_share_a_page() -> None:
    runs = [finished_run(), run(*TRIALS[:1], seed=1), run(*TRIALS, seed=2)]
    text = Page(study_page(runs)).text
    assert "toy-curve, 3 studies" in text
    assert "warm, seed 1 (one)" in text
    assert "Of several studies the line is the median" in text


def test_runs_of_another_metric_are_refused(tmp_path: Path) -> None:
    for name, metric in (("a", Metric("loss", "min")), ("b", Metric("accuracy", "max"))):
        (tmp_path / name).mkdir()
        journal(tmp_path / name, metric=metric).close()
    with pytest.raises(UsageError, match=r"cannot show accuracy .* beside loss"):
        read_runs([tmp_path / "a", tmp_path / "b"])


def test_a_run_is_read_from_its_directory_while_somebody_writes_it(tmp_path: Path) -> None:
    writer = journal(tmp_path, *TRIALS)
    ran = read_run(tmp_path)
    assert ran.study == writer.study
    write_report([tmp_path], tmp_path / "report.html")
    assert "toy-curve" in Page((tmp_path / "report.html").read_text()).text
    writer.close()


def test_no_study_and_a_damaged_one_are_faults(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="holds no study"):
        read_run(tmp_path)
    (tmp_path / "journal.db").write_bytes(b"SQLite format 3\0" + b"x" * 200)
    with pytest.raises(RunDirectoryError, match="damaged"):
        read_run(tmp_path)


def test_a_page_that_cannot_be_written_is_a_fault(tmp_path: Path) -> None:
    journal(tmp_path, *TRIALS).close()
    with pytest.raises(EnvironmentFault, match="cannot be written"):
        write_report([tmp_path], tmp_path / "nowhere" / "report.html")


def test_resources_are_shown_where_the_journal_has_them() -> None:
    sessions = Allotted(1, 0.5, 2, 1.0, "H200", 140 * 2**30)
    usage = Usage(2.0, 3, 1, 1.5, 2**30, 0.5, ("gpu0",), 3 * 2**30, 40.0)
    events = (sessions, Used(0, usage, 4 * 2**30), Requeued(0, 1.0, "out of memory"))
    text = Page(study_page([run(*TRIALS, ends=events)])).text
    assert "1 2 1 0.5 1 H200 140" in text
    assert "0 0.5 3 4 1" in text
    assert "out of memory" in text


def test_what_the_final_fits_used_stands_beside_the_search() -> None:
    fits = Used(None, Usage(3.0, 1, 1, 1.5, 2**31))
    ends = (Finished("all trials done"), fits, FinalFit(dict(TRIALS[3].config), 0.22))
    events = (Used(3, Usage(2.0, 3, 1, 1.0, 2**30)), *ends)
    text = Page(study_page([run(*TRIALS, ends=(Allotted(1, 0.0, 1), *events))])).text
    assert "seconds of training 2 3 5" in text
    assert "most memory of one training, GiB 1 2 2" in text
    assert "searching 1 25% final fits 3 75% orchestration 0 0%" in text, "one second was offered"


def test_a_journal_of_before_resources_were_recorded_still_has_a_page() -> None:
    text = Page(study_page([read_run(ROOT / "tests" / "formats" / "past-by-studies")])).text
    assert "The journal holds no record of resources." in text


def test_without_a_record_of_resources_the_page_says_so(page: Page) -> None:
    assert "The journal holds no record of resources." in page.text


def test_neither_a_command_nor_a_line_is_cut() -> None:
    command = "tuner run toy-curve " + " ".join(f"--set space.p{n}=1" for n in range(40))
    better = [trial(n, TrialState.COMPLETED, 9 - n / 10) for n in range(60)]
    html = study_page([run(*better, header={**HEADER, "command": command})])
    assert command in Page(html).text
    longest = max((line["points"] or "" for line in Page(html).all("polyline")), key=len)
    assert len(longest.split()) == 2 * 60
