"""How Optuna's studies are read."""

import math
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState as OptunaState
from optuna.trial import create_trial

from meta.curves import outcomes
from meta.sampler.records import distribution, parameter, read_study, settle, write_study
from meta.space import Categorical, Float, Int, SearchSpace
from meta.study import Study, TrialState

UNIT = FloatDistribution(0.0, 1.0)


def read(*trials: optuna.trial.FrozenTrial, direction: str = "minimize") -> Study:
    study = optuna.create_study(direction=direction, study_name="past")
    study.add_trials(trials)
    return read_study(study)


def frozen(x: float = 0.5, **fields: Any) -> optuna.trial.FrozenTrial:
    return create_trial(params={"x": x}, distributions={"x": UNIT}, **fields)


def test_a_completed_trial_has_its_value_after_what_it_reported() -> None:
    record = read(frozen(value=0.3, intermediate_values={0: 0.9, 5: 0.5}))
    (trial,) = record.trials
    assert (trial.id, trial.config, trial.state) == (0, {"x": 0.5}, TrialState.COMPLETED)
    assert [(item.step, item.value) for item in trial.measurements] == [
        (0, 0.9),
        (5, 0.5),
        (6, 0.3),
    ]


def test_a_pruned_trial_was_stopped_at_what_it_reported_last() -> None:
    pruned = frozen(state=OptunaState.PRUNED, intermediate_values={3: 0.7, 1: 0.9})
    (trial,) = read(pruned).trials
    assert (trial.state, trial.step, trial.value) == (TrialState.STOPPED, 3, 0.7)


def test_a_failed_trial_has_failed_and_a_running_one_runs() -> None:
    record = read(frozen(state=OptunaState.FAIL), frozen(state=OptunaState.RUNNING))
    assert [trial.state for trial in record.trials] == [TrialState.FAILED, TrialState.RUNNING]


def test_a_waiting_trial_is_left_out() -> None:
    study = optuna.create_study()
    study.enqueue_trial({"x": 0.5})
    assert read_study(study).trials == ()


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_a_trial_of_infinite_value_has_failed(value: float) -> None:
    (trial,) = read(frozen(value=value)).trials
    assert trial.state is TrialState.FAILED
    assert all(math.isfinite(item.value) for item in trial.measurements)


def test_a_running_trial_of_which_nothing_is_known_is_left_out() -> None:
    study = optuna.create_study()
    study.ask()
    assert not read_study(study).trials
    assert len(read_study(study, {0: {"x": 0.5}}).trials) == 1


def test_what_is_not_finite_on_the_way_is_left_out() -> None:
    values = {0: math.nan, 1: math.inf, 2: 0.4}
    (trial,) = read(frozen(state=OptunaState.PRUNED, intermediate_values=values)).trials
    assert [item.value for item in trial.measurements] == [0.4]


def test_a_trial_that_violates_a_constraint_has_failed() -> None:
    study = optuna.create_study()
    for excess in (-1.0, 0.0, 0.5):
        trial = study.ask({"x": UNIT})
        trial.set_constraint("memory", excess)
        study.tell(trial, 1.0)
    states = [trial.state for trial in read_study(study).trials]
    assert states == [TrialState.COMPLETED, TrialState.COMPLETED, TrialState.FAILED]


def test_a_study_that_maximises_is_read_as_one() -> None:
    record = read(frozen(value=0.9), frozen(value=0.8), direction="maximize")
    assert record.metric.mode == "max"
    assert outcomes(record).losses.tolist() == [-0.9, -0.8]


def test_the_space_has_every_parameter_that_was_varied_in_its_latest_range() -> None:
    distributions: list[dict[str, BaseDistribution]] = [
        {"x": FloatDistribution(0, 1), "one": IntDistribution(3, 3)},
        {"x": FloatDistribution(1e-3, 2, log=True), "kind": CategoricalDistribution(("a", None))},
    ]
    params: list[dict[str, Any]] = [{"x": 0.5, "one": 3}, {"x": 0.5, "kind": None}]
    record = read(
        *(
            create_trial(params=some, distributions=of, value=1.0)
            for some, of in zip(params, distributions, strict=True)
        )
    )
    assert record.space.parameters == {
        "x": Float(1e-3, 2, log=True),
        "kind": Categorical(("a", None)),  # type: ignore[arg-type]
    }


def test_a_running_trial_has_what_is_planned_for_it_but_for_what_was_suggested() -> None:
    study = optuna.create_study()
    trial = study.ask({"x": UNIT})
    (record,) = read_study(study, {0: {"x": -1.0, "y": 0.7}}).trials
    assert record.config == {"x": trial.params["x"], "y": 0.7}


def test_an_ended_trial_has_nothing_of_a_plan() -> None:
    study = optuna.create_study()
    study.tell(study.ask({"x": UNIT}), 1.0)
    (record,) = read_study(study, {0: {"y": 0.7}}).trials
    assert list(record.config) == ["x"]


@pytest.mark.parametrize(
    "item",
    [
        Float(0.1, 2.0, log=True),
        Float(-1.0, 2.0),
        Int(1, 9),
        Int(1, 9, log=True),
        Categorical((True, 1, "1")),
    ],
)
def test_a_parameter_comes_back_from_its_distribution(item: Float | Int | Categorical) -> None:
    assert parameter(distribution(item)) == item


@settings(derandomize=True, deadline=None)
@given(st.floats(-20, 20))
def test_a_number_is_settled_on_the_nearest_step(value: float) -> None:
    stepped = FloatDistribution(-10.2, 10.2, step=0.1)
    settled = settle(stepped, value)
    assert isinstance(settled, float)
    assert stepped._contains(settled)
    if -10.2 <= value <= 10.2:
        assert abs(settled - value) <= 0.05 + 1e-9


def test_a_number_that_the_range_does_not_hold_is_settled_at_its_end() -> None:
    assert settle(IntDistribution(3, 9, step=2), 100) == 9
    assert settle(IntDistribution(3, 9, step=2), -5) == 3
    assert settle(IntDistribution(3, 9, step=2), 4.9) == 5


def test_a_number_without_steps_and_a_choice_stay_as_they_are() -> None:
    assert settle(UNIT, 0.1234) == 0.1234
    assert settle(CategoricalDistribution(("a", "b")), "b") == "b"


def test_an_unknown_distribution_is_refused() -> None:
    class Odd(BaseDistribution):
        def to_internal_repr(self, value: Any) -> float:
            return 0.0

        def single(self) -> bool:
            return False

        def _contains(self, value: float) -> bool:
            return True

    with pytest.raises(ValueError, match="unknown distribution"):
        parameter(Odd())


def test_a_study_in_memory_reads_back_as_it_was_written() -> None:
    space = SearchSpace({"x": Float(0, 1), "kind": Categorical(("a", "b"))})
    finished = [({"x": 0.5, "kind": "a"}, 2.0), ({"kind": "b"}, -1.0)]
    sampler = optuna.samplers.RandomSampler(seed=0)
    record = read_study(write_study(space, finished, [{"x": 0.1, "kind": "b"}], sampler))
    assert record.space == space
    assert [(trial.config, trial.value) for trial in record.trials[:2]] == finished
    assert record.trials[2].config == {"x": 0.1, "kind": "b"}
    assert record.trials[2].state is TrialState.RUNNING


def test_writing_a_study_leaves_optunas_verbosity_as_it_was() -> None:
    before = optuna.logging.get_verbosity()
    write_study(SearchSpace({}), [], [], optuna.samplers.RandomSampler())
    assert optuna.logging.get_verbosity() == before
