"""Which trials ASHA stops."""

import math

import pytest

from meta.study import Measurement, Metric
from tuner.asha import Asha, rung_steps

MINIMISED = Metric("loss", "min")


def entered(asha: Asha, *values: float, step: int = 1) -> list[bool]:
    """Whether each of several trials is stopped when it reaches ``step``."""
    return [
        asha.judge(trial, Measurement(step, value, 0.0)) is not None
        for trial, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("grace", "factor", "most", "steps"),
    [(1, 3, 10, (1, 3)), (1, 3, 9, (1, 3)), (2, 2, 16, (2, 4, 8)), (4, 3, 4, ()), (1, 4, 3, ())],
)
def test_the_last_rung_leaves_a_whole_factor_of_steps(
    grace: int, factor: int, most: int, steps: tuple[int, ...]
) -> None:
    assert rung_steps(grace, factor, most) == steps


def test_the_first_at_a_rung_go_on_until_a_share_can_be_taken() -> None:
    assert entered(Asha(MINIMISED, (1,), 3), 5.0, 4.0) == [False, False]


def test_a_trial_outside_the_best_share_is_stopped() -> None:
    stopped = entered(Asha(MINIMISED, (1,), 3), 1.0, 2.0, 3.0, 0.5, 0.7, 0.6)
    assert stopped == [False, False, True, False, True, False]


def test_maximised_values_are_compared_the_other_way_round() -> None:
    assert entered(Asha(Metric("acc", "max"), (1,), 2), 0.5, 0.4, 0.9) == [False, True, False]


def test_equal_values_are_not_stopped() -> None:
    assert not any(entered(Asha(MINIMISED, (1,), 3), *[1.0] * 9))


def test_steps_between_rungs_decide_nothing() -> None:
    assert not any(entered(Asha(MINIMISED, (3,), 2), 1.0, 2.0, 3.0, step=2))


def test_a_trial_counts_once_at_a_rung() -> None:
    asha = Asha(MINIMISED, (1,), 2)
    for step in (1, 2, 3):
        assert asha.judge(0, Measurement(step, 9.0, 0.0)) is None


def test_a_measurement_that_skips_a_rung_is_entered_there_too() -> None:
    asha = Asha(MINIMISED, (1, 3), 2)
    assert entered(asha, 1.0, 0.5, step=3) == [False, False]
    assert asha.judge(7, Measurement(1, 2.0, 0.0)) is not None


def test_the_reason_names_step_value_and_bound() -> None:
    asha = Asha(MINIMISED, (1,), 2)
    asha.judge(0, Measurement(1, 0.25, 0.0))
    assert asha.judge(1, Measurement(1, 0.75, 0.0)) == "at step 1 0.75, best 1/2 is 0.25"


def test_about_one_in_factor_survives_a_random_rung() -> None:
    values = [math.sin(k * 12.9898) * 43758.5453 % 1 for k in range(600)]
    survivors = entered(Asha(MINIMISED, (1,), 3), *values).count(False)
    assert 180 <= survivors <= 230
