"""What is learned from an untrusted past."""

import math
from collections.abc import Iterable
from dataclasses import replace

import pytest

from meta.history import Refusal, sift
from meta.space import Categorical, Config, Float, Int, SearchSpace
from meta.study import Measurement, Metric, Study, Task, Trial, TrialState

SPACE = SearchSpace(
    {
        "learning_rate": Float(0.01, 1.0, log=True, default=0.1),
        "depth": Int(3, 10, default=6),
        "booster": Categorical(("tree", "linear")),
    }
)
RMSE = Metric("rmse", "min", low=0.0)
FLOAT_MAX = 1.7976931348623157e308
GOOD: Config = {"learning_rate": 0.1, "depth": 5, "booster": "tree"}


def trial(
    id: int, config: Config, *values: float, state: TrialState = TrialState.COMPLETED
) -> Trial:
    curve = (Measurement(step, value, 0.1) for step, value in enumerate(values, 1))
    return Trial(id, config, state, tuple(curve))


def study(
    id: str, *trials: Trial, metric: Metric = RMSE, model: str = "trees", fingerprint: str = ""
) -> Study:
    task = Task("wine", model)
    return Study(id, task, SPACE, metric, 0, "warm", trials, fingerprint=fingerprint)


def refusals(*studies: Study, metric: Metric = RMSE) -> list[tuple[int | None, str]]:
    sifted = sift(studies, "trees", SPACE, metric)
    return [(refusal.trial_id, refusal.reason) for refusal in sifted.refused]


def kept_trials(studies: Iterable[Study], space: SearchSpace = SPACE) -> list[Trial]:
    return [trial for study in sift(studies, "trees", space, RMSE).kept for trial in study.trials]


def test_a_sound_study_is_kept_as_it_is() -> None:
    sound = study("a", trial(0, GOOD, 0.9, 0.7), trial(1, {**GOOD, "depth": 4}, 0.8))
    sifted = sift([sound], "trees", SPACE, RMSE)
    assert sifted.kept == (sound,)
    assert sifted.refused == ()


def test_the_order_of_the_studies_stays() -> None:
    studies = [study(id, trial(0, GOOD, 0.5)) for id in "cab"]
    assert [kept.id for kept in sift(studies, "trees", SPACE, RMSE).kept] == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (Metric("mae", "min"), "no rmse, the study measured mae"),
        (Metric("rmse", "max"), "study maximises, this task minimises"),
    ],
)
def test_a_study_of_another_measure_is_refused(metric: Metric, reason: str) -> None:
    other = study("a", trial(0, GOOD, 0.5), metric=metric)
    assert refusals(other) == [(None, reason)]


def test_a_study_that_minimises_is_refused_by_a_task_that_maximises() -> None:
    reason = "study minimises, this task maximises"
    assert refusals(study("a", trial(0, GOOD, 0.5)), metric=Metric("rmse", "max")) == [
        (None, reason)
    ]


def of_other_model(*names: str) -> Study:
    """A study of another model that has these parameters."""
    other = study("a", trial(0, {"learning_rate": 0.3}, 0.5), model="forest")
    return replace(other, space=SearchSpace({name: Float(0.0, 9.0) for name in names}))


def test_a_study_of_another_model_teaches_by_the_parameters_it_shares() -> None:
    other = of_other_model("learning_rate", "depth", "momentum")
    (kept,) = sift([other], "trees", SPACE, RMSE).kept
    assert kept.task.model == "forest"
    assert kept.space == SPACE
    assert kept.trials[0].config == {**SPACE.default(), "learning_rate": 0.3}


def test_a_study_of_another_model_that_shares_less_than_half_is_refused() -> None:
    reason = "of model forest, which shares 1 of 3 parameters with trees"
    assert refusals(of_other_model("learning_rate", "momentum")) == [(None, reason)]


def test_a_study_of_the_same_model_may_have_grown_parameters_since() -> None:
    other = of_other_model("learning_rate")
    assert sift([other], "forest", SPACE, RMSE).refused == ()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (math.nan, "step 1: rmse is nan"),
        (math.inf, "step 1: rmse inf stands for infinity"),
        (FLOAT_MAX, "step 1: rmse 1.79769e+308 stands for infinity"),
        (-FLOAT_MAX, "step 1: rmse -1.79769e+308 stands for infinity"),
        (1e155, "step 1: rmse 1e+155 stands for infinity"),
        (-0.1, "step 1: rmse -0.1 is outside [0, inf]"),
    ],
)
def test_a_value_that_cannot_be_is_refused(value: float, reason: str) -> None:
    spoiled = study("a", trial(0, GOOD, value), trial(1, GOOD, 0.5))
    assert refusals(spoiled) == [(0, reason)]


def test_what_a_metric_can_be_is_for_the_study_to_say_that_measured_it() -> None:
    price = study("a", trial(0, GOOD, 57.0))
    probability = study("b", trial(0, GOOD, 57.0), metric=Metric("rmse", "min", 0.0, 1.0))
    for metric in (price.metric, probability.metric):
        assert sift([price], "trees", SPACE, metric).kept == (price,)
        assert (0, "step 1: rmse 57 is outside [0, 1]") in refusals(probability, metric=metric)


def test_one_impossible_value_on_the_way_spoils_a_trial() -> None:
    spoiled = study("a", trial(0, GOOD, math.nan, 0.4), trial(1, GOOD, 0.5))
    assert refusals(spoiled) == [(0, "step 1: rmse is nan")]


def test_a_trial_that_still_runs_is_refused() -> None:
    running = study("a", trial(0, GOOD, 0.1, state=TrialState.RUNNING), trial(1, GOOD, 0.5))
    assert refusals(running) == [(0, "running")]


@pytest.mark.parametrize("state", [TrialState.DIVERGED, TrialState.FAILED])
@pytest.mark.parametrize("value", [0.1, math.nan])
def test_a_failure_is_kept_as_such_inside_the_space_and_without_values(
    state: TrialState, value: float
) -> None:
    failed = trial(0, {**GOOD, "depth": "7"}, value, state=state)
    kept = kept_trials([study("a", failed, trial(1, GOOD, 0.5))])
    assert kept[0] == Trial(0, {**GOOD, "depth": 7}, state)
    assert kept[1].value == 0.5


def test_a_failure_far_outside_the_space_teaches_nothing() -> None:
    failed = trial(0, {**GOOD, "depth": 30}, state=TrialState.FAILED)
    past = study("a", failed, trial(1, GOOD, 0.5))
    assert refusals(past) == [(0, "depth: 30 is outside [3, 10]")]


def test_a_study_that_only_failed_says_more_of_its_surroundings_and_is_refused() -> None:
    failed = study("a", trial(0, GOOD, state=TrialState.FAILED))
    assert refusals(failed) == [(None, "no trial left that completed")]


def test_what_failed_once_and_completed_once_did_not_fail() -> None:
    failed = trial(0, GOOD, state=TrialState.FAILED)
    past = study("a", failed, trial(1, GOOD, 0.5))
    assert [kept.id for kept in kept_trials([past])] == [1]


def test_a_trial_that_measured_nothing_is_refused() -> None:
    assert (0, "no rmse") in refusals(study("a", trial(0, GOOD), trial(1, GOOD, 0.5)))


def test_a_stopped_trial_is_kept_but_does_not_make_a_study() -> None:
    stopped = trial(0, GOOD, 0.5, state=TrialState.STOPPED)
    finished = trial(1, {**GOOD, "depth": 7}, 0.5)
    assert kept_trials([study("a", stopped, finished)]) == [stopped, finished]
    assert refusals(study("a", stopped)) == [(None, "no trial left that completed")]


DRIFTS: list[tuple[str, Config, Config | str]] = [
    ("text, as MLflow keeps it", {"learning_rate": "1e-1", "depth": "5"}, GOOD),
    ("blanks around a number", {"learning_rate": "0.1 ", "depth": 5.0}, GOOD),
    ("a parameter this task lacks", {**GOOD, "momentum": 0.9}, GOOD),
    ("a parameter the past lacked", {"learning_rate": 0.1, "depth": 5}, GOOD),
    ("just outside, on the log scale", {**GOOD, "learning_rate": 1.2}, {"learning_rate": 1.0}),
    ("just outside, whole numbers", {**GOOD, "depth": 10}, {"depth": 10}),
    ("far outside", {**GOOD, "depth": 30}, "depth: 30 is outside [3, 10]"),
    ("below zero on a log scale", {**GOOD, "learning_rate": -1.0}, "learning_rate: -1.0 is out"),
    ("a fraction for a whole number", {**GOOD, "depth": 5.5}, "depth: whole number expected"),
    ("the text None", {**GOOD, "depth": "None"}, "depth: number expected, got 'None'"),
    ("a decimal comma", {**GOOD, "learning_rate": "0,1"}, "learning_rate: number expected"),
    ("a truth value for a number", {**GOOD, "depth": True}, "depth: number expected, got True"),
    ("not finite", {**GOOD, "learning_rate": "nan"}, "learning_rate: finite number expected"),
    ("a choice that is gone", {**GOOD, "booster": "dart"}, "booster: one of tree, linear"),
    ("a number beyond all floats", {**GOOD, "depth": 10**400}, "depth: number expected"),
]


@pytest.mark.parametrize(("config", "expected"), [(c, e) for _, c, e in DRIFTS])
def test_a_configuration_is_brought_into_the_space_or_refused(
    config: Config, expected: Config | str
) -> None:
    past = study("a", trial(0, config, 0.5), trial(1, {**GOOD, "depth": 9}, 0.6))
    if isinstance(expected, str):
        ((trial_id, reason),) = refusals(past)
        assert trial_id == 0
        assert reason.startswith(expected)
    else:
        assert kept_trials([past])[0].config == {**GOOD, **expected}


def test_what_is_kept_lies_inside_the_space() -> None:
    narrow = SearchSpace({"depth": Int(4, 6)})
    past = study("a", *(trial(depth, {**GOOD, "depth": depth}, 0.5) for depth in range(3, 11)))
    trials = kept_trials([past], narrow)
    assert [trial.config for trial in trials] == [{"depth": depth} for depth in (4, 5, 6)]


def test_the_recommended_configuration_must_fit_not_only_the_one_that_ran() -> None:
    curve = (Measurement(1, 0.5, 0.1, config={"depth": 40}),)
    past = study("a", Trial(0, GOOD, TrialState.COMPLETED, curve), trial(1, GOOD, 0.5))
    assert refusals(past) == [(0, "depth: 40 is outside [3, 10]")]


def test_overrides_along_the_way_are_brought_into_the_space_too() -> None:
    curve = tuple(
        Measurement(step, 0.5, 0.1, config={"depth": depth, "gone": 1})
        for step, depth in enumerate((40, "4", 10.0), 1)
    )
    (kept,) = kept_trials([study("a", Trial(0, GOOD, TrialState.COMPLETED, curve))])
    assert [item.config for item in kept.measurements] == [{}, {"depth": 4}, {"depth": 10}]
    assert SPACE.problems(kept.recommended) == []


def test_a_configuration_tried_many_times_counts_once_with_the_mean_of_its_values() -> None:
    past = study("a", *(trial(id, GOOD, 0.9, value) for id, value in enumerate((0.4, 0.5, 0.6))))
    (kept,) = kept_trials([past])
    assert kept.value == pytest.approx(0.5)
    reason = "same configuration as trial 0 of a, counted once (mean of 3)"
    assert refusals(past) == [(1, reason), (2, reason)]


def test_the_longest_training_of_a_configuration_is_the_one_that_counts() -> None:
    short = trial(0, GOOD, 0.3, state=TrialState.STOPPED)
    full = trial(1, GOOD, 0.3, 0.2)
    past = study("a", short, full)
    assert kept_trials([past]) == [full]
    assert refusals(past) == [(0, "same configuration as trial 1 of a, cut short")]


def test_a_repeated_run_on_the_same_data_is_counted_once() -> None:
    first, again = (study(id, trial(0, GOOD, 0.5), fingerprint="x") for id in ("new", "old"))
    sifted = sift([first, again], "trees", SPACE, RMSE)
    assert sifted.kept == (first,)
    assert sifted.refused[-1] == Refusal("old", None, "no trial left that completed")


def test_runs_on_different_data_are_counted_each() -> None:
    studies = [study(id, trial(0, GOOD, 0.5), fingerprint=id) for id in "ab"]
    assert sift(studies, "trees", SPACE, RMSE).kept == tuple(studies)


def test_a_reason_is_cut_to_a_readable_length() -> None:
    long = study("a", trial(0, {**GOOD, "booster": "x" * 10**6}, 0.5), trial(1, GOOD, 0.5))
    ((_, reason),) = refusals(long)
    assert len(reason) == 200
