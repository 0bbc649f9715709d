"""What the few trials are that stand for the past, and how far it is trusted."""

import numpy as np
import pytest

from meta.arrays import Array
from meta.encoding import Encoding
from meta.mixture import BEST, Agreement, Mixture
from meta.prior import fit_prior
from meta.space import Config
from meta.study import Study
from tests.meta.records import CUBE, Objective, at_random, bowl, evaluated

CODE = Encoding(CUBE)
LEFT, RIGHT = bowl(0.2, 0.5, 0.5), bowl(0.8, 0.5, 0.5)


def mixture(*past: Study) -> Mixture:
    prior = fit_prior(past, CODE)
    assert prior is not None
    return Mixture(prior)


def source(objective: Objective, seed: int, trials: int = 60) -> Study:
    return evaluated(at_random(trials, seed), objective, name=f"past {seed}")


@pytest.fixture(scope="module")
def opposites() -> Mixture:
    return mixture(source(LEFT, 1), source(RIGHT, 2))


def negated(objective: Objective) -> Objective:
    return lambda config: -objective(config)


def agreement(past: Mixture, objective: Objective, trials: int) -> Agreement:
    own: list[Config] = at_random(trials, 9)
    points = CODE.points(CODE.units(own))
    return past.agreement(points, np.array([objective(config) for config in own]))


def losses(objective: Objective, units: Array) -> Array:
    return np.array([objective(CODE.config(row)) for row in units])


def test_all_that_is_drawn_was_tried_in_the_past(opposites: Mixture) -> None:
    drawn = opposites.draw(np.array([0.5, 0.5]), 30)
    tried = {tuple(row) for row in opposites.prior.units}
    assert len(drawn) == 30
    assert {tuple(row) for row in drawn} <= tried


def test_a_source_without_a_share_contributes_nothing(opposites: Mixture) -> None:
    right = {tuple(row) for row in opposites.prior.units[opposites.prior.owners == 1]}
    assert {tuple(row) for row in opposites.draw(np.array([0.0, 1.0]), 40)} <= right


def test_sources_contribute_by_their_shares_and_not_by_their_sizes() -> None:
    past = mixture(source(LEFT, 1, trials=90), source(LEFT, 2, trials=30))
    small = {tuple(row) for row in past.prior.units[past.prior.owners == 1]}
    drawn = [tuple(row) in small for row in past.draw(np.array([0.25, 0.75]), 80)]
    assert np.mean(drawn) == pytest.approx(0.75, abs=0.08)


def test_what_is_drawn_comes_best_first_and_spans_all_ranks(opposites: Mixture) -> None:
    drawn = losses(LEFT, opposites.draw(np.array([1.0, 0.0]), 20))
    tried = losses(LEFT, opposites.prior.units[opposites.prior.owners == 0])
    assert drawn[0] <= np.quantile(tried, BEST + 0.05)
    assert drawn[-1] >= np.quantile(tried, 0.9)
    assert np.corrcoef(drawn, np.arange(20))[0, 1] > 0.9


def test_one_trial_stands_for_the_past_by_being_among_its_best(opposites: Mixture) -> None:
    (only,) = losses(LEFT, opposites.draw(np.array([1.0, 0.0]), 1))
    tried = losses(LEFT, opposites.prior.units[opposites.prior.owners == 0])
    assert only <= np.quantile(tried, 0.1)


def test_before_any_trial_the_past_is_trusted_and_its_shares_are_the_kinship() -> None:
    prior = fit_prior([source(LEFT, 1), source(RIGHT, 2)], CODE, related=[0.9, 0.3])
    assert prior is not None
    before = Mixture(prior).agreement(np.empty((0, 3)), np.empty(0))
    assert before.trust == 1.0
    np.testing.assert_allclose(before.shares, prior.kinship / prior.kinship.sum())


def test_the_source_that_agrees_with_the_study_gets_the_larger_share(opposites: Mixture) -> None:
    left, right = agreement(opposites, LEFT, 20).shares
    assert left > 2 * right
    assert left + right == pytest.approx(1.0)


def test_the_more_trials_contradict_the_past_the_less_it_is_trusted() -> None:
    past = mixture(*[source(LEFT, seed) for seed in range(3)])
    trust = [agreement(past, negated(LEFT), trials).trust for trials in (0, 2, 4, 16)]
    assert trust == sorted(trust, reverse=True)
    assert trust[0] == 1.0
    assert trust[-1] == 0.0


def test_a_past_that_is_confirmed_stays_trusted() -> None:
    past = mixture(*[source(LEFT, seed) for seed in range(3)])
    assert agreement(past, LEFT, 16).trust == 1.0


def test_a_past_of_which_no_source_agrees_is_not_trusted() -> None:
    past = mixture(source(LEFT, 1))
    found = agreement(past, negated(LEFT), 16)
    assert found.trust == 0.0
    assert not found.shares.any()


def test_equal_losses_neither_confirm_nor_contradict() -> None:
    past = mixture(source(LEFT, 1))
    few, many = (agreement(past, lambda _: 1.0, trials).trust for trials in (1, 30))
    assert few == 1.0
    assert 0 < many < 0.5
