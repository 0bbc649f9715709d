"""From run directories to verdicts."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from meta.study import Metric, Task
from tests.tuner.comparison.studies import CONFIG, TASK, finished
from tests.tuner.report.comparisons import effect as effect_of
from tests.tuner.studies import METRIC
from tuner.comparison.compare import compare
from tuner.comparison.export import export
from tuner.comparison.records import Comparison, Contrast, Measure, Result
from tuner.comparison.runs import FinishedRun
from tuner.comparison.tables import cost_table, text
from tuner.comparison.verdict import verdict
from tuner.design import Design, Record
from tuner.errors import UsageError
from tuner.report.arms import comparison_page
from tuner.summary import SYNTHETIC
from tuner.usage import Usage

OTHER = Task("other", "curve")
NOISE = (0.00, 0.02, -0.01, 0.01, 0.03)


def both(folder: Path, gain: float, task: Task = TASK) -> list[FinishedRun]:
    """Five pairs: the warm study is better by ``gain``, give or take a little."""
    runs = []
    for seed, noise in enumerate(NOISE):
        level = 1 + seed / 10
        runs.append(finished(folder, "cold", seed, (3.0, 2.0, level), task=task, test=level))
        warm = (2.0, level - gain + noise, level - gain + noise)
        runs.append(finished(folder, "warm", seed, warm, task=task, test=warm[-1]))
    return runs


def result(comparison: Comparison, key: str, contrast: int = 0) -> Result:
    found: Contrast = comparison.contrasts[contrast]
    return next(one for one in found.results if one.measure.key == key)


def test_each_measure_of_a_pair_is_what_a_reader_computes_by_hand(tmp_path: Path) -> None:
    cold = finished(tmp_path, "cold", 0, (4.0, None, 2.0, 1.0), test=1.5)
    warm = finished(tmp_path, "warm", 0, (3.0, 1.0, None, 0.5), test=1.2)
    comparison = compare([cold, warm])
    expected = {
        "area": ((3.5 + 3.5 + 1.5 + 0.5) / 4, (2.5 + 0.5 + 0.5 + 0.0) / 4),
        "final": (1.0, 0.5),
        "at_cost": (1.0, 0.5),
        "trials": (4.0, 2.0),
        "seconds": (4.0, 2.0),
        "test": (1.5, 1.2),
        "test_mae": (3.0, 2.4),
    }
    for key, (before, after) in expected.items():
        (pair,) = result(comparison, key).pairs
        assert (pair.baseline, pair.candidate) == pytest.approx((before, after)), key


def test_a_study_that_is_ahead_is_called_better_and_one_behind_worse(tmp_path: Path) -> None:
    comparison = compare(both(tmp_path, 0.3))
    effect = result(comparison, "final").headline
    assert effect.effect == pytest.approx(-0.29)
    assert effect.better == effect.pairs == 5
    assert effect.verdict.startswith("Better: 0.29 loss less (95 % interval ")
    assert "Wilcoxon test alone does not show it (p 0.062)" in effect.verdict
    worse = result(compare(both(tmp_path / "worse", -0.3)), "final").headline
    assert worse.verdict.startswith("Worse: ")


def test_no_difference_is_never_claimed_only_not_shown(tmp_path: Path) -> None:
    effect = result(compare(both(tmp_path, 0.01)), "final").headline
    assert effect.verdict.startswith("No difference shown (p ")
    assert "is ruled out at 95 %, what lies inside is not" in effect.verdict
    assert "finds a true effect of " in effect.verdict


@pytest.mark.parametrize(
    ("low", "t_p", "told"),
    [
        (-0.2, 0.3, "5 pairs). What lies"),
        (0.1, 0.06, "5 pairs; the interval alone shows one). What lies"),
        (-0.1, 0.04, "5 pairs; the t-test alone shows one). What lies"),
    ],
)
def test_where_test_and_interval_disagree_the_verdict_says_so(
    low: float, t_p: float, told: str
) -> None:
    measure = Measure("final", "best value", "difference", "low")
    effect = effect_of("toy-curve", "loss", "", 0.2, low, 0.5)
    unsure = replace(effect, t_p=t_p, holm_p=None, better=1)
    assert told in verdict(measure, unsure)


def test_the_target_is_the_worse_of_the_final_values_so_that_no_arm_is_favoured(
    tmp_path: Path,
) -> None:
    ahead = finished(tmp_path, "cold", 0, (3.0, 1.0, 0.5))
    behind = finished(tmp_path, "warm", 0, (3.0, 2.0, 1.0))
    (pair,) = result(compare([ahead, behind]), "trials").pairs
    assert (pair.baseline, pair.candidate) == (2, 3)


def test_over_tasks_p_values_are_corrected_and_effects_are_in_percent(tmp_path: Path) -> None:
    runs = both(tmp_path, 0.3) + both(tmp_path, 0.3, OTHER)
    found = result(compare(runs), "final")
    assert found.overall is not None
    assert found.overall.unit == "%"
    assert found.overall.pairs == 10
    assert not found.overall.generalises
    assert "of these tasks, not of others" in found.overall.verdict
    for effect in found.tasks:
        assert effect.t_p is not None
        assert effect.holm_p == pytest.approx(2 * effect.t_p)


def test_tasks_that_maximise_and_tasks_that_minimise_are_compared_by_what_is_missing(
    tmp_path: Path,
) -> None:
    accuracy = Metric("accuracy", "max", 0.0, 1.0)
    runs = both(tmp_path, 0.3)
    for seed, noise in enumerate(NOISE):
        values = (0.5, 0.7 + noise)
        runs.append(finished(tmp_path, "cold", seed, values, task=OTHER, metric=accuracy))
        better = (0.6, 0.8 + noise / 2)
        runs.append(finished(tmp_path, "warm", seed, better, task=OTHER, metric=accuracy))
    found = result(compare(runs), "final")
    assert found.measure.better == "low"
    other = next(effect for effect in found.tasks if effect.scope == OTHER.id)
    assert (other.baseline, other.better) == (pytest.approx(0.29), 5)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"fingerprint": "other"}, "data differs (data in "),
        ({"metric": METRIC, "changes": {"budget": {"trials": 9}}}, "budget.trials differs"),
        ({"changes": {"space": {}}}, "space"),
        ({"changes": {"sampler": "tpe"}}, "sampler differs (meta-gp in "),
        ({"changes": {"split": "official"}}, "split differs (random in "),
        ({"ray": "2.61"}, "versions.ray differs (2.60 in "),
    ],
)
def test_studies_that_differ_in_more_than_the_arm_are_refused_with_the_difference(
    tmp_path: Path, change: dict[str, object], told: str
) -> None:
    cold = finished(tmp_path, "cold", 3, (1.0,))
    warm = finished(tmp_path, "warm", 3, (1.0,), **change)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="cannot pair cold and warm of toy-curve, seed 3") as error:
        compare([cold, warm])
    assert told in str(error.value)


@pytest.mark.parametrize("other", [{"seed": 4}, {"task": OTHER}])
def test_studies_of_another_task_or_seed_are_no_pair(
    tmp_path: Path, other: dict[str, object]
) -> None:
    cold = finished(tmp_path, "cold", 3, (1.0,))
    warm = finished(tmp_path, "warm", values=(1.0,), **{"seed": 3, **other})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="nothing to compare: toy-curve, seed 3: cold; "):
        compare([cold, warm])


def test_the_test_value_of_a_study_is_the_mean_over_its_seeds(tmp_path: Path) -> None:
    cold = finished(tmp_path, "cold", 0, (1.0,), test=(1.0, 1.2, 1.7))
    warm = finished(tmp_path, "warm", 0, (1.0,), test=(0.9, 1.0, 1.1))
    comparison = compare([cold, warm])
    for key, (before, after) in {"test": (1.3, 1.0), "test_mae": (2.6, 2.0)}.items():
        (pair,) = result(comparison, key).pairs
        assert (pair.baseline, pair.candidate) == pytest.approx((before, after)), key


def test_what_the_arms_used_is_added_over_seeds_with_the_final_fits_apart(tmp_path: Path) -> None:
    usage = [
        (0, Usage(3.0, cpu=1.0, cpu_seconds=1.5, peak_host_bytes=2 * 10**9)),
        (None, Usage(4.0, cpu=1.0, cpu_seconds=2.0)),
    ]
    runs = [
        finished(tmp_path, arm, seed, (2.0, 1.0), test=(1.0, 1.0), usage=usage)
        for arm in ("cold", "warm")
        for seed in (0, 1)
    ]
    comparison = compare(runs)
    cost = comparison.costs[0]
    assert (cost.studies, cost.training_seconds, cost.final_seconds) == (2, 4.0, 8.0)
    assert cost.usage["cpu_hours"] == pytest.approx(7 / 3600)
    assert cost.usage["final_fits"]["training_seconds"] == 8.0
    heading, (row, _) = cost_table(comparison)
    assert "GPU %" not in heading, "nobody measured it"
    assert dict(zip(heading, row, strict=True))["memory GB"] == 2.0


def test_commands_repeat_single_runs_each_and_an_experiment_as_a_whole(tmp_path: Path) -> None:
    design = Design((CONFIG,), ("cold", "warm"), (0,), ("tuner run toy-curve --seed 0",))
    Record(design).write(tmp_path)
    inside = [finished(tmp_path / "toy-curve", arm, 0, (1.0,)) for arm in ("cold", "warm")]
    outside = tmp_path / "runs" / "x"
    alone = [finished(outside, arm, 1, (1.0,), ray="3") for arm in ("cold", "warm", "default")]
    made = compare([*inside, *alone])
    assert made.commands == (
        "tuner run toy-curve --seed 0 --arms cold,warm --repeats 1",
        "tuner run toy-curve --seed 1 --baseline",
        "tuner run toy-curve --seed 1",
        "tuner run toy-curve --seed 1 --arms default",
        f"tuner compare {tmp_path} {' '.join(str(run.directory) for run in alone)}",
    )
    assert made.environment == {"ray": "2.60, 3"}
    (tmp_path / "experiment.json").write_text("{")
    assert "tuner run toy-curve --seed 0 --baseline" in compare(inside).commands


def test_one_arm_alone_is_nothing_to_compare(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to compare: toy-curve, seed 0: cold"):
        compare([finished(tmp_path, "cold", 0, (1.0,))])


def test_a_study_without_its_partner_is_left_out_and_named(tmp_path: Path) -> None:
    runs = [*both(tmp_path, 0.3), finished(tmp_path, "warm", 9, (1.0, 1.0, 1.0), test=1.0)]
    comparison = compare(runs)
    assert "toy-curve, seed 9: no cold study, so no pair." in comparison.notes
    assert result(comparison, "final").headline.pairs == 5


@pytest.mark.parametrize("barren", ["cold", "warm"])
def test_a_study_without_a_completed_trial_is_missing_from_the_measures_that_need_one(
    tmp_path: Path, barren: str
) -> None:
    runs = [*both(tmp_path, 0.3), *both(tmp_path, 0.3, OTHER)]
    for arm in ("cold", "warm"):
        completed = (None, None, None) if arm == barren else (3.0, 2.0, 1.0)
        test = None if arm == barren else 1.0
        runs.append(finished(tmp_path, arm, 9, completed, test=test))
    comparison = compare(runs)
    for key, pairs in {"area": 6, "final": 5, "trials": 5, "test": 5, "test_mae": 5}.items():
        found = result(comparison, key)
        assert found.tasks[0].pairs == pairs, key
        assert found.overall is not None
        assert found.overall.pairs == pairs + 5, key
    told = f"toy-curve, seed 9: no trial of {barren} completed, so only the area has this pair."
    assert told in comparison.notes


@pytest.mark.parametrize("left", [(), (1.0,), (1.0, 1.1)])
def test_a_pair_that_lacks_a_final_fit_is_left_out_of_the_test_values(
    tmp_path: Path, left: tuple[float, ...]
) -> None:
    runs = both(tmp_path, 0.3)
    runs.append(finished(tmp_path, "cold", 9, (3.0, 2.0, 1.0), test=(1.0, 1.1, 1.2)))
    runs.append(finished(tmp_path, "warm", 9, (3.0, 2.0, 1.0), test=left))
    comparison = compare(runs)
    pairs = {key: result(comparison, key).headline.pairs for key in ("area", "test", "test_mae")}
    assert pairs == {"area": 6, "test": 5, "test_mae": 5}
    told = f"seed 9: the final fits of cold (3) and warm ({len(left)}) are not of the same seeds"
    assert any(told in note for note in comparison.notes)


def test_arms_in_which_nothing_completed_are_compared_with_those_in_which_something_did(
    tmp_path: Path,
) -> None:
    runs = [finished(tmp_path, arm, 0, (None, None)) for arm in ("cold", "default")]
    comparison = compare([*runs, finished(tmp_path, "warm", 0, (2.0, 1.0))])
    pairs = [(contrast.baseline, contrast.candidate) for contrast in comparison.contrasts]
    assert pairs == [("cold", "warm"), ("default", "warm")]
    assert any("no measure has this pair" in note for note in comparison.notes)


def test_a_study_that_learned_from_its_rivals_is_told(tmp_path: Path) -> None:
    cold = finished(tmp_path, "cold", 0, (1.0,))
    warm = finished(tmp_path, "warm", 1, (1.0,), sources=["toy-curve-cold-0", "elsewhere"])
    partners = [
        finished(tmp_path, "warm", 0, (1.0,)),
        finished(tmp_path, "cold", 1, (1.0,)),
    ]
    notes = compare([cold, warm, *partners]).notes
    assert any("learned from 1 studies that are compared here" in note for note in notes)
    assert not any("elsewhere" in note for note in notes)


def test_a_comparison_on_generated_data_says_so(tmp_path: Path) -> None:
    made = {"changes": {"synthetic": True}}
    runs = [finished(tmp_path, arm, 0, (1.0,), **made) for arm in ("cold", "warm")]
    assert f"{SYNTHETIC}." in compare(runs).notes
    assert not compare(both(tmp_path / "real", 0.3)).notes


def test_two_pairs_are_too_few_to_test(tmp_path: Path) -> None:
    effect = result(compare(both(tmp_path, 0.3)[:4]), "final").headline
    assert effect.t_p is None
    assert effect.verdict.startswith("Too few pairs to test: 2")


def test_three_arms_give_three_contrasts_and_a_curve_each(tmp_path: Path) -> None:
    runs = both(tmp_path, 0.3)
    for seed in range(5):
        runs.append(finished(tmp_path, "default", seed, (2.0, 2.0, 1.5), test=1.0))
    comparison = compare(runs)
    pairs = [(contrast.baseline, contrast.candidate) for contrast in comparison.contrasts]
    assert pairs == [("cold", "default"), ("cold", "warm"), ("default", "warm")]
    trials = [curve for curve in comparison.curves if curve.axis == "trials"]
    assert [curve.arm for curve in trials] == ["cold", "default", "warm"]
    assert trials[1].median == (2.0, 2.0, 1.5)
    assert {curve.axis for curve in comparison.curves} == {"trials", "training seconds"}


def test_a_seed_that_ends_before_another_completes_a_trial_leaves_no_curve(tmp_path: Path) -> None:
    runs = []
    for arm in ("cold", "warm"):
        runs.append(finished(tmp_path, arm, 0, (1.0,)))
        runs.append(finished(tmp_path, arm, 1, (None, None, 1.0)))
    comparison = compare(runs)
    assert comparison.curves == ()
    json.dumps(comparison.to_json(), allow_nan=False)
    export(comparison, tmp_path / "paper")
    assert "no completed trial for some seed" in comparison_page(comparison)


def test_the_arm_of_another_sampler_is_paired_although_its_sampler_differs(tmp_path: Path) -> None:
    sampled = [
        finished(tmp_path, "tpe", seed, (2.0, 2.5, 1.5), test=1.0, changes={"sampler": "tpe"})
        for seed in range(5)
    ]
    comparison = compare([*both(tmp_path, 0.3), *sampled])
    pairs = [(contrast.baseline, contrast.candidate) for contrast in comparison.contrasts]
    assert pairs == [("tpe", "cold"), ("tpe", "warm"), ("cold", "warm")]


def test_cost_is_gpu_hours_where_gpus_were_used(tmp_path: Path) -> None:
    runs = [
        finished(tmp_path, arm, 0, (3.0, 1.0), gpu_hours=2 * 0.5 / 3600) for arm in ("cold", "warm")
    ]
    comparison = compare(runs)
    curve = next(one for one in comparison.curves if one.axis == "GPU-hours")
    assert curve.x[-1] == pytest.approx(2 * 0.5 / 3600)
    assert result(comparison, "at_cost").measure.title == "best value at equal GPU-hours"


def test_studies_without_any_completed_trial_measure_nothing(tmp_path: Path) -> None:
    runs = [finished(tmp_path, arm, 0, (None, None)) for arm in ("cold", "warm")]
    with pytest.raises(UsageError, match="no trial completed"):
        compare(runs)


def test_the_text_says_verdicts_numbers_costs_and_notes(tmp_path: Path) -> None:
    shown = text(compare([*both(tmp_path, 0.3), *both(tmp_path, 0.2, OTHER)]))
    assert "warm against cold, area under the regret curve:" in shown
    assert "rank-biserial" in shown
    assert "training s" in shown
