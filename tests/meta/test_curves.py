"""What a trial that was stopped early counts for."""

from dataclasses import replace

import numpy as np
import pytest

from meta import curves
from meta.curves import Outcomes, learn_outlooks, outcomes, shortened
from meta.space import Int, SearchSpace
from meta.study import Measurement, Metric, Trial, TrialState
from tests.meta.records import curve, study, trial

STOPPED = TrialState.STOPPED


def halving(full: float, steps: int = 3) -> list[float]:
    """A curve that ends at ``full``, from which its start is twice as far as from 0."""
    return [full * 2 ** (steps - step) for step in range(1, steps + 1)]


def trained(count: int) -> list[Trial]:
    return [trial(i, {"x": i / 100}, *halving(1 + i / count)) for i in range(count)]


def stopped(*values: float) -> Trial:
    return trial(900, {"x": 0.9}, *values, state=STOPPED)


def test_a_completed_trial_counts_with_its_last_value() -> None:
    told = outcomes(study(trained(3)))
    assert told.losses == pytest.approx([1, 4 / 3, 5 / 3])
    assert told.variances.tolist() == [0, 0, 0]
    assert told.configs == ({"x": 0.0}, {"x": 0.01}, {"x": 0.02})


def test_a_stopped_trial_is_extrapolated_along_those_that_went_on() -> None:
    told = outcomes(study([*trained(50), stopped(*halving(1.5)[:1])]))
    assert told.losses[-1] == pytest.approx(1.5, abs=0.03)


ROUNDS = SearchSpace({"rounds": Int(10, 100)})


def boosted(rounds: int, recommended: int, state: TrialState, *values: float) -> Trial:
    """A boosting run whose last value is that of fewer rounds."""
    *before, last = curve(*values)
    short = replace(last, config={"rounds": recommended})
    return Trial(rounds, {"rounds": rounds}, state, (*before, short))


def test_what_a_trial_reached_or_would_have_is_told_of_the_training_that_was_asked_for() -> None:
    trials = [boosted(90, 60, TrialState.COMPLETED, 2.0, 1.0), boosted(80, 40, STOPPED, 3.0)]
    told = outcomes(study(trials, ROUNDS))
    assert told.configs == ({"rounds": 90}, {"rounds": 80})
    assert told.variances[1] > 0


def test_what_it_measured_is_told_of_the_shorter_training_that_it_was() -> None:
    trials = [
        boosted(90, 60, TrialState.COMPLETED, 2.0, 1.0),
        boosted(80, 40, STOPPED, 3.0),
        boosted(20, 5, STOPPED, 4.0),  # of so few rounds the space knows nothing
        trial(1, {"rounds": 50}, 5.0, state=STOPPED),
    ]
    told = shortened(study(trials, ROUNDS))
    assert (told.configs, told.losses.tolist(), told.variances.tolist()) == (
        ({"rounds": 40},),
        [3.0],
        [0.0],
    )


def test_trials_that_stopped_at_one_step_share_one_regression(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    early = [stopped(value) for value in (5.0, 5.5, 6.0)]
    late = [stopped(value, value / 2) for value in (5.0, 6.0)]
    alone = [outcomes(study([*trained(9), one])).losses[-1] for one in (*early, *late)]
    made: list[object] = []
    fit = curves._regression
    monkeypatch.setattr(curves, "_regression", lambda *given: made.append(given) or fit(*given))
    told = outcomes(study([*trained(9), *early, *late]))
    assert told.losses[9:] == pytest.approx(alone, rel=1e-12)
    assert len(made) == 2


def test_what_was_behind_early_is_expected_to_end_behind() -> None:
    losses = [outcomes(study([*trained(50), stopped(value)])).losses[-1] for value in (5, 6, 7)]
    assert (np.diff(losses) > 0.1).all()


def test_with_one_training_what_is_ahead_early_is_expected_to_end_half_as_far_ahead() -> None:
    told = outcomes(study([trial(0, {"x": 0.1}, 5.0, 1.0), stopped(4.0)]))
    assert told.losses[-1] == pytest.approx(0.5)


def test_curves_of_the_past_say_what_being_ahead_early_comes_to() -> None:
    past = study([trial(i, {}, 10.0 + 4 * i, 1.0 + i) for i in range(6)])
    outlooks = learn_outlooks([past, past])
    assert outlooks[1].slope == pytest.approx(0.25)
    told = outcomes(study([trial(0, {}, 8.0, 3.0), stopped(4.0)]), outlooks)
    assert told.losses[-1] == pytest.approx(2.0)
    assert (
        told.variances[-1] < outcomes(study([trial(0, {}, 8.0, 3.0), stopped(4.0)])).variances[-1]
    )


def test_a_past_study_with_few_trainings_says_nothing_of_curves() -> None:
    assert learn_outlooks([study([trial(i, {}, 10.0 + i, 1.0 + i) for i in range(4)])]) == {}


def test_a_stopped_trial_is_less_certain_than_a_completed_one() -> None:
    for past in (trained(50), trained(2), trained(1)):
        told = outcomes(study([*past, stopped(5.0)]))
        assert told.variances[-1] > 0 == told.variances[:-1].max()


def test_the_later_a_trial_was_stopped_the_more_certain_it_is() -> None:
    noise = np.random.default_rng(0).standard_normal((40, 3)) * [1.0, 0.3, 0.1]
    past = [trial(i, {}, *(np.array(halving(1 + i / 40)) + row)) for i, row in enumerate(noise)]
    variances = [
        outcomes(study([*past, stopped(*values)])).variances[-1] for values in ([5], [5, 2.5])
    ]
    assert variances[0] > 2 * variances[1]


def test_without_a_completed_trial_a_stopped_one_counts_with_its_last_value_uncertainly() -> None:
    told = outcomes(study([trial(i, {}, 4.0, 3.0 + i, state=STOPPED) for i in range(3)]))
    assert told.losses.tolist() == [3, 4, 5]
    assert (told.variances > 0).all()


def test_how_certain_a_stopped_trial_is_does_not_depend_on_where_zero_is() -> None:
    """A loss of 0 is as uncertain as any other, and one far from 0 is not the less certain."""

    def variances(shift: float) -> np.ndarray:
        trials = [trial(i, {}, shift + i, state=STOPPED) for i in range(3)]
        return outcomes(study(trials)).variances

    assert (variances(0.0) > 0).all()
    assert variances(1000.0) == pytest.approx(variances(0.0))


def test_a_trial_stopped_where_no_other_was_measured_counts_as_uncertain_as_all_are() -> None:
    late = Trial(9, {}, STOPPED, (Measurement(7, 1.2, 0.0),))
    told = outcomes(study([*trained(10), late]))
    assert told.losses[-1] == 1.2
    assert told.variances[-1] == pytest.approx(np.var(told.losses[:-1]))


def test_curves_that_start_alike_leave_the_mean_as_the_expectation() -> None:
    past = [trial(i, {}, 1.0, float(i)) for i in range(5)]
    told = outcomes(study([*past, stopped(1.0)]))
    assert told.losses[-1] == pytest.approx(2.0)
    assert told.variances[-1] > 0.5


def test_a_larger_value_is_a_smaller_loss_where_larger_is_better() -> None:
    accuracy = Metric("accuracy", "max")
    past = [trial(i, {}, 0.1 * i, 0.1 * i + 0.3) for i in range(5)]
    told = outcomes(study([*past, stopped(0.2)], metric=accuracy))
    assert told.losses[:-1] == pytest.approx([-0.3, -0.4, -0.5, -0.6, -0.7])
    assert told.losses[-1] == pytest.approx(-0.5)


@pytest.mark.parametrize("state", [TrialState.RUNNING, TrialState.FAILED, TrialState.DIVERGED])
def test_a_trial_without_a_result_does_not_count(state: TrialState) -> None:
    told = outcomes(study([trial(0, {}, 1.0), trial(1, {}, 0.5, state=state), Trial(2, {})]))
    assert told.losses.tolist() == [1.0]


def test_a_study_without_trials_has_no_outcomes() -> None:
    told = outcomes(study([]))
    assert (len(told.configs), told.losses.shape, told.variances.shape) == (0, (0,), (0,))


def numbered(losses: list[float]) -> Outcomes:
    configs = tuple({"x": float(i)} for i in range(len(losses)))
    return Outcomes(configs, np.array(losses), np.arange(len(losses), dtype=float))


def kept(count: int, losses: list[float]) -> list[int]:
    reduced = numbered(losses).reduced(count)
    rows = [int(config["x"]) for config in reduced.configs]
    assert reduced.losses.tolist() == [losses[row] for row in rows]
    assert reduced.variances.tolist() == rows
    return rows


def test_few_outcomes_are_all_kept() -> None:
    assert kept(3, [3.0, 1.0, 2.0]) == [0, 1, 2]


def test_of_many_the_best_and_the_latest_are_kept_in_order() -> None:
    assert kept(4, [0.1, 9, 0.2, 8, 7, 6, 5]) == [0, 2, 5, 6]


def test_the_best_that_are_the_latest_too_make_room_for_others() -> None:
    assert kept(4, [9, 8, 7, 6, 5, 4]) == [2, 3, 4, 5]


def test_of_an_odd_number_one_more_is_of_the_latest() -> None:
    assert kept(3, [0.1, 9, 8, 7, 6]) == [0, 3, 4]
    assert kept(1, [0.1, 9, 8]) == [2]


def test_huge_and_tiny_losses_stay_finite() -> None:
    for scale in (1e12, 1e-12, 1e100, 1e-100):
        trials = [trial(i, {}, scale * (5 + i), scale * i) for i in range(4)]
        told = outcomes(study([*trials, trial(9, {}, scale * 6, state=STOPPED)]))
        assert np.isfinite(told.losses).all()
        assert np.isfinite(told.variances).all()
        assert told.losses[-1] == pytest.approx(scale, rel=0.1)


def test_the_scale_of_the_losses_does_not_matter() -> None:
    def told(scale: float) -> Outcomes:
        past = [trial(i, {}, *(scale * np.array(halving(1 + i / 9)))) for i in range(9)]
        return outcomes(study([*past, stopped(6 * scale)]))

    assert told(1e-9).losses * 1e9 == pytest.approx(told(1.0).losses, rel=1e-5)
    assert told(1e-9).variances * 1e18 == pytest.approx(told(1.0).variances, rel=1e-4)


def test_losses_that_differ_by_rounding_alone_are_equal() -> None:
    nearly = [0.1 + 0.2, 0.3, 0.1 + 0.2, 0.3]
    past = [trial(i, {}, value, 5.0 + i) for i, value in enumerate(nearly)]
    assert outcomes(study([*past, stopped(1.3)])).losses[-1] == pytest.approx(6.5 + 0.5, rel=1e-3)


def test_a_curve_is_read_by_its_steps_not_by_its_position() -> None:
    sparse = [Trial(i, {}, TrialState.COMPLETED, (*curve(9.0), at(5, i))) for i in range(4)]
    dense = Trial(9, {}, STOPPED, (at(5, 2.0),))
    assert outcomes(study([*sparse, dense])).losses[-1] == pytest.approx(2.0, abs=0.1)


def at(step: int, value: float) -> Measurement:
    return Measurement(step, value, 0.0)
