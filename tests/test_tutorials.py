"""The console blocks of the tutorials run, and still print what the pages show."""

import json
import os
import re
import sys
from pathlib import Path

import pytest

from docs.transcript import BLOCK, Step, rewritten, run, steps
from tests.sources import ROOT

DOCS = ROOT / "docs"
PAGES = sorted([*(DOCS / "tutorials").glob("*.md"), DOCS / "cluster.md"])


def surroundings(home: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "TUNER_HOME": str(home), "PATH": path, "PYTHONPATH": str(ROOT)}


def masked(output: str) -> list[str]:
    """The words of each line, without what differs from run to run or from machine to machine.

    These are numbers, ids, and which past study the configurations come from.
    """
    text = re.sub(r"\b[0-9a-f]{12}\b|\d+(\.\d+)?(e[-+]?\d+)?", "N", output)
    text = re.sub(r"tried in .*|\(trial N, from .*", "…", text)
    return [" ".join(line.split()) for line in text.splitlines()]


def check(page: Path, environment: dict[str, str]) -> None:
    """Every command succeeds and prints again what the page shows."""
    text = page.read_text()
    shown = [steps(block) for block in BLOCK.findall(text)]
    for before, now in zip(shown, run(text, environment), strict=True):
        for then, step in zip(before, now, strict=True):
            assert step.code == 0, f"{step.command}\n{step.output}"
            assert masked(step.output) == masked(then.output), step.command


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(900)
def test_the_first_study_goes_as_its_page_says(home: Path) -> None:
    check(DOCS / "tutorials" / "first-study.md", surroundings(home))


def test_output_is_the_same_whatever_its_numbers_and_no_other() -> None:
    shown = "  after    5 trials 52.283 (1e-05 to 7)\n259c0d61737f  wine  start 1: tried in x"
    assert masked(shown) == ["after N trials N (N to N)", "N wine start N: …"]
    assert masked(shown.replace("trials", "studies")) != masked(shown)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_a_page_has_been_run(page: Path) -> None:
    for block in BLOCK.findall(page.read_text()):
        assert all(step.output or "/dev/null" in step.command for step in steps(block))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_links_to_what_exists(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert "://" in target or (page.parent / target).exists(), target


def test_the_page_of_comparisons_shows_what_came_of_its_command() -> None:
    page = " ".join((DOCS / "tutorials" / "comparison.md").read_text().split())
    results = ROOT / "benchmarks" / "results" / "warm" / "first" / "comparison.json"
    (contrast,) = [
        contrast
        for contrast in json.loads(results.read_text())["contrasts"]
        if (contrast["candidate"], contrast["baseline"]) == ("warm", "cold")
    ]
    area = contrast["results"][0]
    assert f"area under the regret curve: all tasks: {area['overall']['verdict']}" in page
    (start,) = re.findall(r"wine-quality-xgboost: (No difference .*?) …", page)
    assert any(task["verdict"].startswith(start) for task in area["tasks"])


def test_a_transcript_shows_commands_with_their_output_and_stops_at_a_failure(
    tmp_path: Path,
) -> None:
    page = "Say it:\n\n```console\n$ echo $TUNER_HOME/x; echo b >&2\nold\n$ true\n```\nDone.\n"
    (block,) = BLOCK.findall(page)
    assert steps(block) == [Step("echo $TUNER_HOME/x; echo b >&2", "old\n"), Step("true", "")]
    assert rewritten(page, run(page, surroundings(tmp_path))) == page.replace(
        "old\n", "~/.warmtune/x\nb\n"
    )
    with pytest.raises(RuntimeError, match="false: exit code 1"):
        rewritten(page, run(page.replace("true", "false"), surroundings(tmp_path)))
