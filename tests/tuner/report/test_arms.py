"""The page of a comparison: verdict first, every effect with its interval and its tests."""

from dataclasses import replace
from itertools import product

import pytest

from meta.study import Task
from tests.tuner.report.comparisons import comparison, effect
from tests.tuner.report.pages import HEADER, TRIALS, Page, run
from tuner.comparison.records import ALL_TASKS, Comparison
from tuner.report.arms import comparison_page
from tuner.report.material import Run
from tuner.report.plot import Interval, forest, robust_span
from tuner.summary import SYNTHETIC


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(comparison_page(comparison()))


def test_the_verdict_of_the_primary_measure_comes_first(page: Page) -> None:
    lead = page.texts.index("winewarm against cold: wine: better by 4")
    assert lead < page.texts.index("best value: wine: better by 4")


def test_every_effect_shows_interval_and_tests(page: Page) -> None:
    assert "wine0 5 4 50 48 -2 rmse -3 to -1 < 0.001 0.062 0.020 0.8 0.9 1.5" in page.text
    assert f"{ALL_TASKS} 5 4 50 46 -4 % -6 to 1" in page.text


def test_what_few_pairs_do_not_give_is_a_dash(page: Page) -> None:
    at = page.texts.index("0.5 x")
    assert ["0.5 x", *4 * ["\N{EN DASH}"], "0.8"] == page.texts[at : at + 6]


def _kinds(page: Page) -> list[str | None]:
    return [use["class"] for use in page.all("use") if use.get("class") in SIDES]


SIDES = {"better", "worse", "neutral"}


def test_an_interval_is_better_only_if_it_excludes_no_effect(page: Page) -> None:
    first, second, overall, unknown, ratio = _kinds(page)
    assert (first, second, overall) == ("better", "better", "neutral")
    assert (unknown, ratio) == ("neutral", "better")


def test_an_effect_that_the_corrected_test_does_not_show_has_no_colour() -> None:
    made = comparison(tasks=1)
    (contrast,) = made.contrasts
    unsure = replace(contrast.results[0].tasks[0], holm_p=0.2)
    results = (replace(contrast.results[0], tasks=(unsure,), overall=None),)
    made = replace(made, contrasts=(replace(contrast, results=results),))
    assert _kinds(Page(comparison_page(made))) == ["neutral"]


def test_where_high_is_better_a_lower_candidate_is_worse() -> None:
    made = comparison(tasks=1)
    (contrast,) = made.contrasts
    measure = replace(contrast.results[0].measure, better="high")
    results = (replace(contrast.results[0], measure=measure),)
    made = replace(made, contrasts=(replace(contrast, results=results),))
    assert _kinds(Page(comparison_page(made)))[0] == "worse"


def test_differences_are_in_percent_of_what_those_over_all_tasks_are() -> None:
    """Of the area under a regret curve that is the best value, not the area."""
    made = comparison(tasks=1)
    (contrast,) = made.contrasts
    tiny = replace(effect("wine0", "rmse", "", -0.02, -0.03, -0.01), baseline=0.05)
    results = (replace(contrast.results[0], tasks=(tiny,), overall=None),)
    made = replace(made, contrasts=(replace(contrast, results=results),))
    assert "wine0: -0.04, -0.06 to -0.02" in comparison_page(made)


def test_one_very_wide_interval_does_not_hide_the_others_and_has_an_arrow() -> None:
    rows = [Interval(str(n), 1.0, 0.5, 1.5, "neutral") for n in range(3)]
    wide = Interval("wide", 2.0, -1.0, 600.0, "neutral")
    scale = robust_span("x", [*rows, wide], 0.0)
    assert scale.low < -1.0 < 2.0 < scale.high < 6.0
    drawn = forest([*rows, wide], scale, 0.0, "label")
    assert drawn.count("#mark-right") == 1
    assert "#mark-left" not in drawn


def test_ratios_lie_on_a_log_axis_with_one_in_it() -> None:
    scale = robust_span("ratio", [Interval("a", 3.0, 2.0, 4.0, "worse")], 1.0)
    assert scale.log
    assert scale.low < 1.0 < 4.0 < scale.high


def test_each_task_and_axis_has_its_curves(page: Page) -> None:
    captions = [text for text in page.texts if " against " in text]
    for caption in ("wine0: wine against trials", "wine1: wine against GPU-hours"):
        assert caption in captions


def test_limits_costs_and_the_command_are_told(page: Page) -> None:
    assert "tuner compare wine runs/b" in page.text
    assert "wine0 cold 5 150 400 300 40 0.5" in page.text
    assert "60 8 32" in page.text, "searching, final fits, orchestration"


def test_a_comparison_of_nothing_says_so() -> None:
    made = replace(comparison(), contrasts=(), curves=(), costs=())
    assert "An arm has no completed trial" in Page(comparison_page(made)).text


def _with_studies(**config: bool) -> tuple[Comparison, list[Run]]:
    """Two arms on two tasks, of each two studies."""
    header = {**HEADER, "config": {**HEADER["config"], **config}}
    tasks, arms = (Task("wine", "a"), Task("wine", "b")), ("cold", "warm")
    runs = []
    for seed, arm, task in product((3, 2), reversed(arms), reversed(tasks)):
        made = run(*TRIALS, header=header, seed=seed)
        study = replace(made.study, task=task, arm=arm)
        runs.append(Run(made.directory, study, header, made.entries))
    ids = tuple(task.id for task in tasks)
    return replace(comparison(), tasks=ids, arms=arms, curves=()), runs


def test_of_each_task_and_arm_the_study_of_the_lowest_seed_is_shown_in_full() -> None:
    page = Page(comparison_page(*_with_studies()))
    names = [f"wine-{task}, {arm}, seed 2" for task in "ab" for arm in ("cold", "warm")]
    assert [text for text in page.texts if ", seed " in text] == [*names, *names]
    ids = {attributes.get("id") for _, attributes in page.elements}
    assert {f"run4-{key}" for key in SUBJECTS} <= ids
    assert "`tuner report RUN_DIR` writes the page of any other" in page.text


SUBJECTS = (
    *("result", "trials", "coordinates", "importance", "rungs", "time", "used"),
    *("first", "weight", "forecast", "refused", "failures", "environment"),
)


def test_a_comparison_on_generated_data_says_so_first() -> None:
    assert SYNTHETIC in Page(comparison_page(*_with_studies(synthetic=True))).text
    assert SYNTHETIC not in Page(comparison_page(*_with_studies())).text
