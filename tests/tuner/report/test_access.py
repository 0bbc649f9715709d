"""Both kinds of pages without eyes and without a mouse."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.tuner.report.comparisons import comparison
from tests.tuner.report.pages import TRIALS, Page, finished_run, run
from tuner.report.arms import comparison_page
from tuner.report.page import study_page

PAGES = {
    "study": study_page([finished_run()]),
    "studies": study_page([finished_run(), run(*TRIALS, seed=1)]),
    "comparison": comparison_page(comparison()),
    "comparison with studies": comparison_page(
        replace(comparison(), tasks=("toy-curve",), arms=("warm",), curves=()), [finished_run()]
    ),
}


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest) -> Page:
    return Page(PAGES[request.param])


def test_every_table_has_a_caption_and_every_heading_cell_a_scope(page: Page) -> None:
    assert page.all("table")
    assert len(page.all("caption")) == len(page.all("table"))
    assert {cell.get("scope") for cell in page.all("th")} == {"col", "row"}


def test_the_first_link_skips_to_the_content_which_takes_the_focus(page: Page) -> None:
    first = page.all("a")[0]
    assert (first["class"], first["href"]) == ("skip", "#main")
    (main,) = page.all("main")
    assert (main["id"], main["tabindex"]) == ("main", "-1")


def test_headings_descend_in_steps_below_one_of_the_first_level(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))


def test_what_can_be_scrolled_has_focus_role_and_name(page: Page) -> None:
    scrolled = [box for box in page.all("div") if box.get("class") == "scroll"] + page.all("pre")
    assert scrolled
    for box in scrolled:
        assert (box["tabindex"], box["role"]) == ("0", "group")
        assert box["aria-label"]


def test_no_colour_stands_alone(page: Page) -> None:
    """Each figure says in words what it shows, and each key has its word."""
    for plot in page.all("svg"):
        if plot.get("class") == "plot":
            assert len(plot["aria-label"] or "") > 20
    assert page.all("html")[0]["lang"] == "en"
