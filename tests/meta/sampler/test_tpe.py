"""The sampler by Parzen estimators: what the past gives, and that it does no harm."""

import logging
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.samplers import BaseSampler, TPESampler
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    RelativeSamplerTestCase,
    SingleOnlySamplerTestCase,
)

from meta.encoding import Encoding
from meta.prior import fit_prior
from meta.sampler import MetaTPESampler
from meta.space import Categorical, Config, Float, Int, SearchSpace
from meta.study import Study, TrialState
from tests.meta.records import CUBE, at_random, bowl, bowls, evaluated, study, trial

PAST = bowls(4, seed=0)
CENTRE = (0.34, 0.27, 0.31)


class TestPublishedSuite(BasicSamplerTestCase, RelativeSamplerTestCase, SingleOnlySamplerTestCase):
    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: MetaTPESampler(seed=0)


def target(trial: optuna.Trial) -> float:
    return bowl(*CENTRE)({name: trial.suggest_float(name, 0, 1) for name in "xyz"})


def run(sampler: BaseSampler, trials: int, objective: Any = target) -> optuna.Study:
    done = optuna.create_study(sampler=sampler)
    done.optimize(objective, n_trials=trials)
    return done


SEEDS = range(8)


def after(trials: int, sampler: Callable[[int], BaseSampler]) -> float:
    """The geometric mean over the seeds of the best value."""
    found = [run(sampler(seed), trials).best_value for seed in SEEDS]
    return float(np.exp(np.mean(np.log(found))))


@pytest.fixture(scope="module")
def cold() -> float:
    """What Optuna's own sampler reaches after 40 trials."""
    return after(40, lambda seed: TPESampler(seed=seed))


def negated(past: Sequence[Study]) -> list[Study]:
    return [
        study([trial(i, t.config, -float(t.value or 0)) for i, t in enumerate(item.trials)])
        for item in past
    ]


def test_ten_trials_with_a_related_past_are_worth_twenty_without() -> None:
    warm = after(10, lambda seed: MetaTPESampler(PAST, seed=seed))
    assert warm < after(20, lambda seed: TPESampler(seed=seed))


def test_the_first_trial_is_what_the_past_expects_most_of() -> None:
    (first,) = run(MetaTPESampler(PAST, seed=0), 1).trials
    assert first.value is not None
    assert first.value < 0.05


def test_a_negated_past_does_no_lasting_harm(cold: float) -> None:
    assert after(40, lambda seed: MetaTPESampler(negated(PAST), seed=seed)) < 4 * cold


def test_the_proposal_says_when_the_past_is_given_up() -> None:
    sampler = MetaTPESampler(negated(PAST), seed=0)
    run(sampler, 1)
    assert sampler.proposal is not None
    assert sampler.proposal.trust == 1.0
    assert not sampler.proposal.free
    run(sampler, 30)
    assert sampler.proposal.trust < 0.1
    assert sampler.proposal.free


def test_without_a_past_it_is_as_good_as_tpe(cold: float) -> None:
    assert cold / 2 < after(40, lambda seed: MetaTPESampler(seed=seed)) < 2 * cold


def test_the_seed_decides_all() -> None:
    first, again, other = (
        [t.params for t in run(MetaTPESampler(PAST, seed=seed), 8).trials] for seed in (3, 3, 4)
    )
    assert first == again
    assert first != other


def test_it_goes_on_as_it_was_after_pickling() -> None:
    sampler = MetaTPESampler(PAST, seed=0)
    run(sampler, 5)
    again = pickle.loads(pickle.dumps(sampler))
    assert run(again, 5).trials[-1].params == run(sampler, 5).trials[-1].params


def test_pending_trials_differ() -> None:
    waiting = optuna.create_study(sampler=MetaTPESampler(PAST, seed=0))
    waiting.optimize(target, n_trials=3)
    space = {name: optuna.distributions.FloatDistribution(0, 1) for name in "xyz"}
    pending = [waiting.ask(space).params for _ in range(8)]
    rows = np.array([list(params.values()) for params in pending])
    distances = np.abs(rows[:, None] - rows).max(2)[np.triu_indices(8, 1)]
    assert distances.min() > 1e-3


def test_a_small_space_is_searched_without_repeats() -> None:
    space = SearchSpace({"k": Int(0, 4), "kind": Categorical(("a", "b"))})
    tried: list[Config] = [{"k": k, "kind": kind} for k in range(5) for kind in "ab"]
    past = evaluated(tried, lambda config: float(config["k"]), space)

    def small(trial: optuna.Trial) -> float:
        return trial.suggest_int("k", 0, 4) + len(trial.suggest_categorical("kind", ["a", "b"]))

    done = run(MetaTPESampler([past], seed=0), 11, small)
    assert len({tuple(item.params.items()) for item in done.trials[:10]}) == 10
    assert done.trials[10].params in [item.params for item in done.trials[:10]]


def test_what_a_condition_rules_out_is_not_proposed() -> None:
    unit, kind = Float(0, 1), Categorical(("linear", "tree"))
    space = SearchSpace({"x": unit, "kind": kind, "y": unit})
    encoding = Encoding(space, {"x": ("kind", frozenset({"linear"}))})
    tried = [
        encoding.config(row) for row in encoding.spread(np.random.default_rng(0).random((40, 3)))
    ]
    past = evaluated(tried, lambda config: float(config["y"]), space)
    prior = fit_prior([past], encoding)
    sampler, own = MetaTPESampler(seed=0), past.with_trials(past.trials[:4])
    plans = [sampler.plan(own, encoding, prior, np.random.default_rng(i)) for i in range(20)]
    assert {plan["kind"] for plan in plans} == {"linear", "tree"}
    assert all(("x" in plan) == (plan["kind"] == "linear") for plan in plans)


def test_conditional_parameters_are_tuned_where_they_are_active() -> None:
    def conditional(trial: optuna.Trial) -> float:
        if trial.suggest_categorical("kind", ["linear", "tree"]) == "tree":
            return 1.0 + trial.suggest_int("depth", 1, 8) / 8
        return abs(trial.suggest_float("x", 0, 1) - 0.3)

    past = [run(optuna.samplers.RandomSampler(seed=seed), 30, conditional) for seed in range(2)]
    done = run(MetaTPESampler(past, seed=0), 15, conditional)
    assert done.best_value < 0.03


def test_a_failed_trial_is_not_tried_again_and_teaches_no_value() -> None:
    space = SearchSpace({"k": Int(0, 3)})
    failed = [trial(i, {"k": i}, state=TrialState.FAILED) for i in range(3)]
    plan = MetaTPESampler(seed=0).plan(
        study(failed, space), Encoding(space), None, np.random.default_rng(0)
    )
    assert plan == {"k": 3}


def test_a_study_that_is_maximised_learns_from_one_that_is_minimised() -> None:
    done = optuna.create_study(direction="maximize", sampler=MetaTPESampler(PAST, seed=0))
    done.optimize(lambda trial: -target(trial), n_trials=10)
    assert done.best_value > -0.02


def test_its_own_studies_are_not_announced(caplog: pytest.LogCaptureFixture) -> None:
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.enable_propagation()
    optuna.logging.set_verbosity(optuna.logging.INFO)  # others may have asked for less
    try:
        with caplog.at_level(logging.INFO):
            run(MetaTPESampler(PAST, seed=0), 3)
    finally:
        optuna.logging.set_verbosity(verbosity)
        optuna.logging.disable_propagation()
    assert len({record.message for record in caplog.records if "new study" in record.message}) == 1


def test_a_past_of_random_trials_in_other_units_of_loss_counts_the_same() -> None:
    scaled = [
        evaluated(at_random(40, i), lambda c: 1e6 * bowl(*CENTRE)(c) - 3e7, CUBE, name=f"past {i}")
        for i in range(2)
    ]
    assert run(MetaTPESampler(scaled, seed=0), 10).best_value < 0.02
