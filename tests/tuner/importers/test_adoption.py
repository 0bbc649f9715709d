"""Somebody's study becomes one of ours: steps, states, failures, the sieve, an id to find again."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from meta.study import Metric, Task, TrialState
from tests.tuner.importers.tasks import CONFIG, SPACE, brief, trials
from tuner.importers.adoption import Adopted, adopt, dataset_name
from tuner.importers.foreign import ForeignStudy, ForeignTrial, Reading
from tuner.importers.mapping import correspond, read_wishes

COMPLETED, STOPPED, FAILED = TrialState.COMPLETED, TrialState.STOPPED, TrialState.FAILED


def trial(
    id: int, curve: Sequence[Reading], state: TrialState = COMPLETED, **params: object
) -> ForeignTrial:
    return ForeignTrial(id, {"lr": 0.1 + id / 100, **params}, state, {"rmse": curve}, seconds=8.0)


def curve(*values: float, first: int = 1, gap: int = 1) -> list[Reading]:
    return [Reading(first + n * gap, value) for n, value in enumerate(values)]


def study(*of: ForeignTrial, **modes: str) -> ForeignStudy:
    return ForeignStudy("their study", "test", "/x/y.db", of, None, modes)


def adopted(of: ForeignStudy, dataset: str | None = None, metric: str | None = None) -> Adopted:
    wishes = read_wishes([], metric, None, SPACE)
    return adopt(of, correspond(of, wishes, SPACE, CONFIG.metric), CONFIG, dataset)


def steps(item: Adopted, id: int) -> list[int]:
    return [measurement.step for measurement in trials(item)[id].measurements]


def reasons(item: Adopted) -> dict[int | None, str]:
    return {refusal.trial_id: refusal.reason for refusal in item.refused}


# The study


def test_the_study_is_one_of_the_task() -> None:
    made = adopted(study(trial(0, curve(0.5)))).study
    assert made is not None
    assert made.task == Task("their-study", "trees")
    assert (made.space, made.metric, made.arm) == (SPACE, CONFIG.metric, "imported")
    assert made.trials[0].origin == "test"


def test_its_id_is_found_again_and_differs_where_the_study_does() -> None:
    first = study(trial(0, curve(0.5)))
    grown = study(trial(0, curve(0.5)), trial(1, curve(0.6)))
    ids = [adopted(item).study.id for item in (first, grown)]  # type: ignore[union-attr]
    others = [
        adopted(replace(first, place="/z.db")),
        adopted(replace(first, name="other")),
        adopted(first, "data"),
    ]
    assert ids[0] == ids[1]
    assert len({ids[0], *(item.study.id for item in others if item.study)}) == 4


@pytest.mark.parametrize(
    ("name", "dataset"),
    [
        ("a b/c: ü", "a-b-c"),
        ("", "unnamed"),
        ("...", "unnamed"),
        ("x" * 99, "x" * 64),
        ("a.b", "a.b"),
    ],
)
def test_a_study_names_its_data_set(name: str, dataset: str) -> None:
    assert dataset_name(name) == dataset


# Steps: the same share of a full training


@pytest.mark.parametrize(
    ("readings", "ours"),
    [
        (curve(0.5), [10]),
        (curve(*[0.5] * 10), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (curve(*[0.5] * 10, first=0), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (curve(*[0.5] * 5), [2, 4, 6, 8, 10]),
        (curve(*[0.5] * 10, first=100, gap=100), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (curve(0.5, 0.5, first=-7, gap=7), [2, 10]),
        (curve(0.5, first=10**30), [10]),
    ],
)
def test_a_full_training_ends_at_our_last_step(readings: list[Reading], ours: list[int]) -> None:
    assert steps(adopted(study(trial(0, readings))), 0) == ours


def test_of_several_readings_in_one_step_the_last_counts() -> None:
    item = adopted(study(trial(0, curve(*(n / 100 for n in range(1, 31))))))
    assert [m.value for m in trials(item)[0].measurements] == [n / 100 for n in range(3, 31, 3)]


def test_a_stopped_trial_is_measured_by_the_completed_ones() -> None:
    item = adopted(
        study(
            trial(0, curve(*[0.5] * 20)),
            trial(1, curve(*[0.5] * 20)),
            trial(2, curve(*[0.5] * 2)),
            trial(3, curve(*[0.5] * 6), STOPPED),
            trial(4, curve(*[0.5] * 40), STOPPED),
        )
    )
    assert [steps(item, id)[-1] for id in range(5)] == [10, 10, 10, 3, 9]


def test_readings_out_of_order_are_sorted() -> None:
    item = adopted(study(trial(0, curve(0.1, 0.2, 0.3)[::-1])))
    assert trials(item)[0].value == 0.3


def test_seconds_are_theirs_or_spread_evenly() -> None:
    timed = [Reading(1, 0.5, 1.5), Reading(2, 0.4, 7.5)]
    item = adopted(study(trial(0, timed), trial(1, curve(0.5, 0.4))))
    assert [m.seconds for m in trials(item)[0].measurements] == [1.5, 7.5]
    assert [m.seconds for m in trials(item)[1].measurements] == [4.0, 8.0]


# States and failures


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1.797e308])
def test_a_value_that_stands_for_infinity_makes_a_diverged_trial(value: float) -> None:
    bad = [*curve(0.9), Reading(2, value), Reading(3, 0.1)]
    item = adopted(study(trial(0, curve(0.5)), trial(1, bad)))
    diverged = trials(item)[1]
    assert diverged.state is TrialState.DIVERGED
    assert diverged.reason == f"rmse is {value:g}"
    assert trials(item)[0].state is COMPLETED


def test_a_failure_keeps_its_place_in_the_space_and_what_was_measured() -> None:
    failed = replace(trial(1, curve(0.9, 400.0), FAILED), reason="out of memory " + "x" * 999)
    item = adopted(study(trial(0, curve(0.5)), failed))
    kept = trials(item)[1]
    assert (kept.state, kept.value, len(kept.reason)) == (FAILED, 0.9, 200)
    assert kept.config == {"learning_rate": 0.11, "max_depth": 6, "kind": "a", "subsample": 1.0}


def test_a_failure_outside_the_space_is_refused() -> None:
    item = adopted(study(trial(0, curve(0.5)), trial(1, [], FAILED, depth=99)))
    assert list(trials(item)) == [0]
    assert reasons(item) == {1: "failed, and max_depth: 99 is outside [1, 10]"}


def test_a_trial_that_has_not_ended_is_dropped() -> None:
    item = adopted(study(trial(0, curve(0.5)), trial(1, curve(0.4), TrialState.RUNNING)))
    assert reasons(item) == {1: "has not ended"}


# The sieve


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"lr": 5.0}, "learning_rate: 5.0 is outside [0.001, 1.0]"),
        ({"lr": "None"}, "learning_rate: number expected, got 'None'"),
        ({"lr": "0,1"}, "learning_rate: number expected, got '0,1'"),
        ({"depth": 2.5}, "max_depth: whole number expected, got 2.5"),
        ({"kind": "c"}, "kind: one of a, b, True, 2 expected, got 'c'"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(params: dict[str, object], why: str) -> None:
    whole = {"depth": 3, "kind": "a"}
    item = adopted(
        study(trial(0, curve(0.5), **whole), trial(1, curve(0.4), **{**whole, **params}))
    )
    assert reasons(item) == {1: why}


@pytest.mark.parametrize("text", ["1e-2", " 0.01 ", "0.01"])
def test_text_is_read_as_the_space_reads_it(text: str) -> None:
    item = adopted(study(trial(0, curve(0.5), lr=text, kind="True", depth="3.0")))
    config = {"learning_rate": 0.01, "max_depth": 3, "kind": True, "subsample": 1.0}
    assert trials(item)[0].config == config


def test_a_value_a_little_outside_is_clipped() -> None:
    assert trials(adopted(study(trial(0, curve(0.5), lr=1.1))))[0].config["learning_rate"] == 1.0


def test_a_value_of_the_metric_outside_its_range_is_refused() -> None:
    item = adopted(study(trial(0, curve(0.5)), trial(1, curve(101.0))))
    assert reasons(item) == {1: "step 10: rmse 101 is outside [0, 100]"}


def test_a_trial_without_the_metric_is_refused() -> None:
    item = adopted(study(trial(0, curve(0.5)), trial(1, [])))
    assert reasons(item) == {1: "no rmse"}


def test_the_same_configuration_is_counted_once_with_the_mean() -> None:
    same = [replace(trial(n, curve(n / 10)), params={"lr": 0.1}) for n in range(1, 4)]
    item = adopted(study(*same))
    assert brief(item) == {1: ("COMPLETED", pytest.approx(0.2), 10)}
    assert "counted once (mean of 3)" in reasons(item)[2]


def test_a_study_of_the_opposite_direction_is_refused() -> None:
    item = adopted(study(trial(0, curve(0.5)), rmse="max"))
    assert item.study is None
    assert reasons(item) == {None: "study maximises, this task minimises"}


def test_a_scale_that_turns_the_direction_makes_it_fit() -> None:
    item = adopted(study(trial(0, curve(-0.5)), rmse="max"), metric="rmse:negative")
    assert item.study is not None
    assert item.study.metric == Metric("rmse", "min", 0.0, 100.0)
    assert trials(item)[0].value == 0.5


def test_a_study_in_which_nothing_completed_is_refused() -> None:
    item = adopted(study(trial(0, curve(0.5), STOPPED)))
    assert item.study is None
    assert reasons(item) == {None: "no trial left that completed"}
