"""How likely a configuration is to be trained at all."""

import numpy as np
import pytest

from meta.feasibility import Feasibility, success_probability

LINE = np.linspace(0, 1, 11)[:, None]
NOWHERE = np.empty((0, 1))


def test_without_failures_everything_can_be_trained() -> None:
    assert success_probability(LINE, LINE, NOWHERE).tolist() == [1.0] * 11


def test_the_nearer_to_a_failure_the_less_likely_is_success() -> None:
    found = success_probability(LINE, NOWHERE, np.array([[1.0]]))
    assert (np.diff(found) < 0).all()
    assert found[0] > 0.99
    assert found[-1] == pytest.approx(0.5)


def test_more_failures_leave_less_hope_and_successes_restore_it() -> None:
    here, failed = np.array([[0.5]]), np.array([[0.5]])
    one, many = (success_probability(here, NOWHERE, np.repeat(failed, n, 0)) for n in (1, 9))
    assert many < 0.15 < one
    assert success_probability(here, np.repeat(failed, 9, 0), failed) > 0.9


def test_a_success_far_away_says_nothing_about_a_failure_here() -> None:
    here = np.array([[1.0]])
    alone = success_probability(here, NOWHERE, here)
    assert success_probability(here, np.array([[0.0]]), here) == pytest.approx(alone, abs=0.01)


def test_no_place_to_ask_about_gives_no_answer() -> None:
    assert success_probability(NOWHERE, LINE, LINE).shape == (0,)


def test_failures_for_one_reason_are_expected_wherever_it_holds() -> None:
    """Training fails where the first of three dimensions is large, whatever the others are."""
    tried = np.random.default_rng(0).random((40, 3))
    chance = Feasibility(tried[tried[:, 0] <= 0.6], tried[tried[:, 0] > 0.6])
    corners = np.array([[x, y, z] for x in (0.1, 0.9) for y in (0.0, 1.0) for z in (0.0, 1.0)])
    assert (chance(corners)[:4] > 0.8).all()
    assert (chance(corners)[4:] < 0.3).all()


def test_one_failure_among_successes_condemns_no_place() -> None:
    tried = np.random.default_rng(0).random((30, 2))
    assert success_probability(tried, tried[1:], tried[:1]).min() > 0.5


def test_a_sharp_border_does_not_hide_what_lies_behind_it() -> None:
    """Failures and successes side by side look as if nothing reached far."""
    beside = np.linspace(-0.01, 0.01, 10)[:, None] + 0.5
    chance = Feasibility(beside[beside[:, 0] < 0.5], beside[beside[:, 0] > 0.5])
    assert chance(np.array([[0.65]])) < chance(np.array([[0.35]]))
    assert success_probability(np.array([[0.55]]), NOWHERE, beside) < 0.2
