"""What is proposed: on a family of shifted bowls, and at the edges."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from meta.curves import outcomes
from meta.encoding import Encoding
from meta.learner import FREE_FROM, Learner
from meta.prior import Prior, fit_prior
from meta.space import Categorical, Config, Float, Int, SearchSpace
from meta.study import Study, Trial, TrialState
from tests.meta.records import (
    CUBE,
    UNIT,
    Objective,
    at_random,
    bowl,
    bowls,
    curve,
    evaluated,
    study,
    trial,
)

CODE = Encoding(CUBE)
TARGET = bowl(0.33, 0.27, 0.3)
FAILED, RUNNING = TrialState.FAILED, TrialState.RUNNING


@cache
def past_prior(kind: str = "good") -> Prior:
    studies = bowls(4, seed=0)
    if kind == "negated":
        studies = [evaluated([t.config for t in s.trials],
                             lambda config, s=s: -_value(s, config), name=s.id)  # type: ignore[misc]
                   for s in studies]  # fmt: skip
    prior = fit_prior(studies, CODE)
    assert prior is not None
    return prior


def _value(past: Study, config: Config) -> float:
    return next(t.measurements[-1].value for t in past.trials if t.config == config)


def run(
    learner: Learner, objective: Objective, trials: int, seed: int = 0, start: Study | None = None
) -> Study:
    """Evaluate what is proposed, one after the other."""
    own = start or study([], learner.encoding.space)
    generator = np.random.default_rng(seed)
    for _ in range(trials):
        config = learner.propose(own, generator).config
        own = own.with_trials((*own.trials, trial(len(own.trials), config, objective(config))))
    return own


def best(own: Study) -> float:
    return min(item.measurements[-1].value for item in own.trials if item.measurements)


def propose(learner: Learner, own: Study, seed: int = 0) -> Config:
    return learner.propose(own, np.random.default_rng(seed)).config


def keys(own: Study) -> list[tuple[object, ...]]:
    return [tuple(item.config.items()) for item in own.trials]


def test_warm_is_clearly_better_than_random_after_ten_trials() -> None:
    for seed in range(3):
        generator = np.random.default_rng(100 + seed)
        target = bowl(*(0.3 + 0.08 * generator.standard_normal(3)))
        warm = best(run(Learner(CODE, past_prior()), target, 10, seed))
        by_chance = np.median([best(evaluated(at_random(10, i), target)) for i in range(50)])
        assert warm < 0.1 * by_chance


def test_the_first_warm_proposal_is_what_the_past_expects_most_of() -> None:
    config = propose(Learner(CODE, past_prior()), study([]))
    assert TARGET(config) < 0.03


def test_the_first_cold_proposal_is_the_default() -> None:
    space = SearchSpace({"x": Float(0, 1, default=0.7), "n": Int(1, 9)})
    assert propose(Learner(Encoding(space)), study([], space)) == {"x": 0.7, "n": 5}


def test_cold_is_better_than_random_after_twenty_trials() -> None:
    cold = best(run(Learner(CODE), TARGET, 20))
    by_chance = np.median([best(evaluated(at_random(20, i), TARGET)) for i in range(50)])
    assert cold < 0.2 * by_chance


def test_trust_rises_with_a_good_past_and_falls_with_a_negated_one() -> None:
    own = evaluated(at_random(12, 7), TARGET)
    generator = np.random.default_rng(0)
    started = study([trial(0, {"x": 0.5, "y": 0.5, "z": 0.5}, 0.1)])
    for kind, enough in (("good", lambda t: t > 0.9), ("negated", lambda t: t < 0.1)):
        learner = Learner(CODE, past_prior(kind))
        assert 0.5 < learner.propose(started, generator).trust < 0.9
        assert enough(learner.propose(own, generator).trust)


def test_a_negated_past_does_little_harm() -> None:
    misled = best(run(Learner(CODE, past_prior("negated")), TARGET, 25))
    by_chance = np.median([best(evaluated(at_random(25, i), TARGET)) for i in range(50)])
    assert misled < 0.5 * by_chance


def test_now_and_then_the_past_has_no_say() -> None:
    own = run(Learner(CODE, past_prior()), TARGET, FREE_FROM)
    generator = np.random.default_rng(0)
    learner = Learner(CODE, past_prior())
    free = [
        learner.propose(own.with_trials(own.trials[:count]), generator).free
        for count in range(FREE_FROM + 1)
    ]
    assert free == [False] * FREE_FROM + [True]
    assert Learner(CODE).propose(own, generator).free


def test_the_same_seed_proposes_the_same_and_another_one_something_else() -> None:
    runs = [keys(run(Learner(CODE, past_prior()), TARGET, 8, seed)) for seed in (3, 3, 4)]
    assert runs[0] == runs[1] != runs[2]


def test_no_configuration_of_a_finite_space_is_proposed_twice_before_all_were_tried() -> None:
    space = SearchSpace({"n": Int(1, 5), "kind": Categorical(("a", "b", "c")), "m": Int(1, 6)})
    objective = lambda config: (config["n"] - 2) ** 2 + config["m"] + len(config["kind"])  # noqa: E731
    done = run(Learner(Encoding(space)), objective, 90)
    assert len(set(keys(done))) == 90
    assert propose(Learner(Encoding(space)), done) in [item.config for item in done.trials]


def test_the_one_configuration_that_is_left_is_found() -> None:
    space = SearchSpace({"n": Int(1, 40), "m": Int(1, 30)})
    every = [{"n": n, "m": m} for n in range(1, 41) for m in range(1, 31)]
    rare = {"n": 33, "m": 7}
    tried = evaluated([config for config in every if config != rare], bowl(2, 3), space)
    assert propose(Learner(Encoding(space)), tried) == rare


def test_a_proposal_of_huge_losses_is_no_repeat_either() -> None:
    space = SearchSpace({"n": Int(1, 12)})
    done = run(Learner(Encoding(space)), lambda config: 1e25 * (3 - float(config["n"])) ** 2, 12)
    assert len(set(keys(done))) == 12


@pytest.mark.parametrize("warm", [True, False])
def test_eight_proposals_without_a_result_between_them_all_differ(warm: bool) -> None:
    learner = Learner(CODE, past_prior() if warm else None)
    own = run(learner, TARGET, 4)
    generator = np.random.default_rng(0)
    for _ in range(8):
        config = learner.propose(own, generator).config
        own = own.with_trials((*own.trials, Trial(len(own.trials), config)))
    points = CODE.points(CODE.units([item.config for item in own.trials[4:]]))
    gaps = [np.linalg.norm(a - b) for a, b in itertools.combinations(points, 2)]
    assert min(gaps) > 0.005


@pytest.mark.parametrize("warm", [True, False])
def test_before_any_result_pending_trials_are_not_proposed_again(warm: bool) -> None:
    learner = Learner(CODE, past_prior() if warm else None)
    own = study([])
    for number in range(8):
        own = own.with_trials((*own.trials, Trial(number, propose(learner, own, seed=number))))
    assert len(set(keys(own))) == 8
    if not warm:  # by chance all over the space
        assert np.ptp(CODE.units([item.config for item in own.trials]), axis=0).min() > 0.5


def test_before_any_result_what_runs_is_complemented() -> None:
    """Half of the past tasks are best on one side, half on the other."""
    configs = at_random(40, 0)
    past = [evaluated(configs, bowl(x, 0.5, 0.5), name=str(x)) for x in (0.15, 0.2, 0.8, 0.85)]
    learner = Learner(CODE, fit_prior(past, CODE))
    first = propose(learner, study([]))
    second = propose(learner, study([Trial(0, first)]))
    assert abs(float(first["x"]) - float(second["x"])) > 0.3


@pytest.mark.parametrize("warm", [True, False])
def test_a_region_where_trials_fail_is_avoided_and_the_best_outside_it_found(warm: bool) -> None:
    """Where x is large, training fails, though the best results would be there."""
    objective = bowl(0.9, 0.5, 0.5)
    prior = fit_prior([evaluated(at_random(40, 1), objective)], CODE) if warm else None
    learner, generator = Learner(CODE, prior), np.random.default_rng(0)
    own = study([])
    for number in range(25):
        config = learner.propose(own, generator).config
        if float(config["x"]) > 0.6:
            done = Trial(number, config, FAILED)
        else:
            done = trial(number, config, objective(config))
        own = own.with_trials((*own.trials, done))
    assert sum(float(item.config["x"]) > 0.7 for item in own.trials[10:]) < 6
    assert best(own) < 0.11  # 0.09 is the best that can be trained


def test_failures_of_the_past_lower_the_chance_that_such_a_configuration_is_proposed() -> None:
    measured = evaluated(at_random(40, 1), bowl(0.9, 0.5, 0.5))
    rows = [config for config in at_random(400, 2) if float(config["x"]) > 0.6]
    crashed = [trial(100 + i, config, state=FAILED) for i, config in enumerate(rows)]
    safe, risky = (
        propose(Learner(CODE, fit_prior([measured.with_trials(trials)], CODE)), study([]))
        for trials in (measured.trials, (*measured.trials, *crashed))
    )
    assert float(risky["x"]) < 0.6 < float(safe["x"])


def test_only_candidates_are_proposed_each_once_while_there_are_others() -> None:
    candidates = at_random(15, 5)
    for prior in (past_prior(), None):
        done = run(Learner(CODE, prior, candidates), TARGET, 15)
        assert sorted(keys(done)) == sorted(tuple(config.items()) for config in candidates)
        assert propose(Learner(CODE, prior, candidates), done) in candidates


def test_early_stopped_trials_inform() -> None:
    """Those with small x were ahead when they were stopped; nothing else is known of x."""
    completed = [
        trial(i, {"x": 0.9, "y": y, "z": 0.5}, 2.0 + y, 1.0 + y)
        for i, y in enumerate((0.1, 0.3, 0.5, 0.7, 0.9))
    ]
    stopped = [
        trial(10 + i, {"x": x, "y": 0.1, "z": 0.5}, 1.0 + 2 * x, state=TrialState.STOPPED)
        for i, x in enumerate((0.1, 0.3, 0.5, 0.7))
    ]
    with_them = [propose(Learner(CODE), study([*completed, *stopped]), seed) for seed in range(5)]
    assert np.mean([float(config["x"]) for config in with_them]) < 0.3


def test_where_short_trainings_were_bad_none_is_proposed_because_long_ones_may_be_good() -> None:
    """Runs of 60 to 90 rounds were stopped at 10, ahead of others there; 10 rounds are bad."""
    space = SearchSpace({"rounds": Int(10, 100), "y": UNIT})

    def run(number: int, rounds: int, y: float, *values: float) -> Trial:
        *before, last = curve(*values)
        state = TrialState.COMPLETED if before else TrialState.STOPPED
        rounds_told = {} if before else {"rounds": 10}
        config = {"rounds": rounds, "y": y}
        return Trial(number, config, state, (*before, replace(last, config=rounds_told)))

    done = [run(i, 95, 0.1 + i / 10, 9.0, 1.0 + i / 10) for i in range(4)]
    cut = [run(10 + i, 60 + 10 * i, 0.1 + i / 10, 8.0 + i / 10) for i in range(4)]
    learner = Learner(Encoding(space))
    asked = [propose(learner, study([*done, *cut], space), seed) for seed in range(5)]
    assert min(int(config["rounds"]) for config in asked) > 30


def test_a_new_parameter_does_not_hide_what_the_past_knows_of_the_others() -> None:
    wider = SearchSpace({**CUBE.parameters, "new": Float(0, 1)})
    code = Encoding(wider)
    learner = Learner(code, fit_prior(bowls(4, seed=0), code))
    found = best(run(learner, lambda c: TARGET(c) + (float(c["new"]) - 0.8) ** 2, 15))
    by_chance = [
        best(evaluated(at_random(15, i, wider), bowl(0.33, 0.27, 0.3, 0.8), wider))
        for i in range(50)
    ]
    assert found < 0.2 * np.median(by_chance)


def test_a_wider_range_does_not_hide_what_the_past_knows() -> None:
    wider = SearchSpace({name: Float(0, 3) for name in CUBE.parameters})
    code = Encoding(wider)
    learner = Learner(code, fit_prior(bowls(4, seed=0), code))
    assert best(run(learner, TARGET, 10)) < 0.02


def test_conditional_parameters_are_proposed_where_they_are_active() -> None:
    space = SearchSpace({"kind": Categorical(("tree", "linear")), "x": Float(0, 1)})
    code = Encoding(space, {"x": ("kind", frozenset({"tree"}))})
    done = run(Learner(code), lambda c: (float(c["x"]) - 0.2) ** 2 if "x" in c else 0.1, 15)
    assert all(("x" in item.config) == (item.config["kind"] == "tree") for item in done.trials)
    assert best(done) < 0.01


@pytest.mark.parametrize(
    "objective",
    [
        lambda config: 0.1,
        lambda config: 1e12 * TARGET(config),
        lambda config: 1e-12 * TARGET(config),
        lambda config: 1e12 + TARGET(config),
        lambda config: 1e100 if TARGET(config) > 0.3 else TARGET(config),
    ],
)
@pytest.mark.parametrize("warm", [True, False])
def test_unusual_losses_are_no_trouble(objective: Objective, warm: bool) -> None:
    done = run(Learner(CODE, past_prior() if warm else None), objective, 12)
    assert len(set(keys(done))) == 12


def test_one_exploded_loss_does_not_blind_for_the_others() -> None:
    exploded = trial(0, {"x": 0.9, "y": 0.9, "z": 0.9}, 1e30)
    done = run(Learner(CODE), TARGET, 20, start=study([exploded]))
    by_chance = np.median([best(evaluated(at_random(20, i), TARGET)) for i in range(50)])
    assert best(done) < 0.3 * by_chance


def test_a_space_of_one_choice_alone_is_searched_through() -> None:
    space = SearchSpace({"kind": Categorical(tuple("abcdef"))})
    done = run(Learner(Encoding(space)), lambda config: ord(str(config["kind"])), 6)
    assert {item.config["kind"] for item in done.trials} == set("abcdef")


def test_a_space_of_one_configuration_is_proposed_again_and_again() -> None:
    space = SearchSpace({"kind": Categorical(("a",)), "n": Int(3, 3)})
    done = run(Learner(Encoding(space)), lambda config: 1.0, 3)
    assert [item.config for item in done.trials] == [{"kind": "a", "n": 3}] * 3


def test_sixty_four_parameters_are_searched() -> None:
    space = SearchSpace({f"p{i}": Float(0, 1) for i in range(64)})
    target = bowl(*[0.3] * 64)
    done = run(Learner(Encoding(space)), target, 15)
    by_chance = np.median([best(evaluated(at_random(15, i, space), target)) for i in range(20)])
    assert best(done.with_trials(done.trials[1:])) < by_chance  # the first is the default


def test_a_thousand_trials_are_no_trouble() -> None:
    own = evaluated(at_random(1000, 0), TARGET)
    assert TARGET(propose(Learner(CODE, past_prior()), own)) < 0.01


def test_a_past_of_one_study_with_three_trials_is_no_trouble() -> None:
    prior = fit_prior([evaluated(at_random(3, 0), TARGET)], CODE)
    assert len(set(keys(run(Learner(CODE, prior), TARGET, 8)))) == 8


def test_the_same_configuration_tried_again_and_again_is_no_trouble() -> None:
    same: Sequence[Trial] = [
        trial(i, {"x": 0.5, "y": 0.5, "z": 0.5}, 1 + 1e-12 * i) for i in range(40)
    ]
    for prior in (past_prior(), None):
        config = propose(Learner(CODE, prior), study(same))
        assert config != same[0].config


def test_a_study_of_failures_alone_is_led_away_from_them() -> None:
    own = study([Trial(i, config, FAILED) for i, config in enumerate(at_random(10, 0))])
    for prior in (past_prior(), None):
        assert propose(Learner(CODE, prior), own) not in [item.config for item in own.trials]


def test_the_surrogate_tells_the_loss_within_its_uncertainty() -> None:
    own = evaluated(at_random(25, 0), TARGET)
    learner = Learner(CODE, past_prior())
    others = at_random(40, 1)
    mean, deviation = learner.surrogate(outcomes(own)).predict(learner.places(CODE.units(others)))
    away = np.abs(mean - [TARGET(config) for config in others]) / deviation
    assert 0.8 < np.mean(away < 3) <= 1
