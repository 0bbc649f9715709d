"""How a planned trial is handed out through Optuna's protocol."""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState as OptunaState
from optuna.trial import create_trial

from meta.encoding import Encoding
from meta.prior import Prior
from meta.sampler.planned import PlannedSampler
from meta.space import Categorical, Config, Float, Int, SearchSpace
from meta.study import Study, TrialState
from tests.meta.records import CUBE, at_random, bowl, bowls, evaluated, study, trial

UNIT = FloatDistribution(0.0, 1.0)


class Noting(PlannedSampler):
    """Plans the same configuration each time and notes what it was told."""

    def __init__(self, history: Any = (), *, plan: Config | None = None) -> None:
        super().__init__(history, seed=0)
        self._same = plan or {}
        self.told: list[tuple[Study, Encoding, Prior | None]] = []

    def plan(
        self, own: Study, encoding: Encoding, prior: Prior | None, generator: np.random.Generator
    ) -> Config:
        self.told.append((own, encoding, prior))
        return self._same


def asked(sampler: PlannedSampler, *objectives: Callable[[optuna.Trial], float]) -> optuna.Study:
    study = optuna.create_study(sampler=sampler)
    for objective in objectives:
        study.optimize(objective, n_trials=1)
    return study


def x_alone(trial: optuna.Trial) -> float:
    return trial.suggest_float("x", 0, 1)


def x_and_kind(trial: optuna.Trial) -> float:
    return trial.suggest_float("x", 0, 1) + len(trial.suggest_categorical("kind", ["a", "bb"]))


def test_the_plan_is_what_the_trial_gets() -> None:
    past = evaluated([{"x": 0.5}], bowl(0.5), SearchSpace({"x": Float(0, 1)}))
    done = asked(Noting([past], plan={"x": 0.25}), x_alone, x_alone)
    assert [item.params for item in done.trials] == [{"x": 0.25}] * 2


def test_without_a_past_the_first_trial_is_drawn_by_chance_and_planned_for_nobody() -> None:
    sampler = Noting(plan={"x": 0.25})
    done = asked(sampler, x_alone, x_alone)
    assert done.trials[0].params["x"] != 0.25 == done.trials[1].params["x"]
    assert len(sampler.told) == 1


def test_what_the_plan_does_not_hold_is_drawn_by_chance() -> None:
    sampler = Noting(plan={"x": 0.25})
    last = asked(sampler, x_alone, x_alone, x_and_kind).trials[-1]
    assert last.params["x"] == 0.25
    assert last.params["kind"] in ("a", "bb")


def test_a_planned_value_outside_the_range_that_is_asked_for_is_drawn_by_chance() -> None:
    def elsewhere(trial: optuna.Trial) -> float:
        return trial.suggest_float("x", 5, 6)

    past = evaluated([{"x": 0.5}], bowl(0.5), SearchSpace({"x": Float(0, 1)}))
    (only,) = asked(Noting([past], plan={"x": 0.25}), elsewhere).trials
    assert 5 <= only.params["x"] <= 6


def test_a_parameter_of_one_value_has_it_whatever_is_planned() -> None:
    def single(trial: optuna.Trial) -> float:
        return trial.suggest_float("x", 0.7, 0.7)

    past = evaluated([{"x": 0.5}], bowl(0.5), SearchSpace({"x": Float(0, 1)}))
    (only,) = asked(Noting([past], plan={"x": 0.25}), single).trials
    assert only.params == {"x": 0.7}


def test_the_space_is_that_of_the_past_but_the_study_knows_better() -> None:
    past = evaluated(at_random(5, 0), bowl(0.5, 0.5, 0.5))
    sampler = Noting([past], plan={"x": 0.25})

    def wider(trial: optuna.Trial) -> float:
        return trial.suggest_float("x", 0, 9) + trial.suggest_float("new", 0, 1)

    asked(sampler, wider, wider)
    first, second = (encoding.space.parameters for _, encoding, _ in sampler.told)
    assert first == CUBE.parameters
    assert second == {**CUBE.parameters, "x": Float(0, 9), "new": Float(0, 1)}


def test_the_prior_is_fitted_once_while_the_space_stays() -> None:
    past = evaluated(at_random(5, 0, SearchSpace({"x": Float(0, 1)})), bowl(0.5))
    sampler = Noting([past], plan={"x": 0.25})
    asked(sampler, x_alone, x_alone, x_alone, x_and_kind, x_and_kind)
    priors = [id(prior) for _, _, prior in sampler.told]
    assert [priors.count(some) for some in dict.fromkeys(priors)] == [4, 1]


def test_the_prior_is_not_fitted_anew_when_the_study_confirms_the_space_of_the_past() -> None:
    space = SearchSpace({"n": Int(1, 9), "x": Float(0, 1), "kind": Categorical(("a", "b"))})
    tried: list[Config] = [{"n": n, "x": 0.5, "kind": "a"} for n in range(1, 9)]
    past = study((trial(i, config, float(i)) for i, config in enumerate(tried)), space)

    def same(trial: optuna.Trial) -> float:
        trial.suggest_categorical("kind", ["a", "b"])
        return trial.suggest_int("n", 1, 9) + trial.suggest_float("x", 0, 1)

    sampler = Noting([past])
    asked(sampler, same, same, same)
    assert len({id(prior) for _, _, prior in sampler.told}) == 1


def test_own_trials_are_told_but_not_the_one_that_is_planned() -> None:
    sampler = Noting(plan={"x": 0.25})
    study = optuna.create_study(sampler=sampler)
    study.optimize(x_alone, n_trials=1)
    for _ in range(3):
        x_alone(study.ask())
    study.ask()
    x_alone(study.ask())
    own = [(item.id, item.state) for item in sampler.told[-1][0].trials]
    running = TrialState.RUNNING
    assert own == [(0, TrialState.COMPLETED), *((i, running) for i in (1, 2, 3))]


def test_a_running_trial_is_told_with_its_plan_until_it_ends() -> None:
    sampler = Noting(plan={"x": 0.25})
    study = optuna.create_study(sampler=sampler)
    study.optimize(x_alone, n_trials=1)
    pending = study.ask()
    x_alone(pending)
    x_alone(study.ask())
    assert sampler.told[-1][0].trials[1].config == {"x": 0.25}
    study.tell(pending, state=OptunaState.FAIL)
    x_alone(study.ask())
    assert sampler.told[-1][0].trials[1].state is TrialState.FAILED


def test_conditions_are_inferred_from_the_past_and_from_the_study() -> None:
    space = SearchSpace({"kind": Categorical(("a", "b")), "x": Float(0, 1), "y": Float(0, 1)})
    past = study(
        [trial(0, {"kind": "a", "x": 0.1, "y": 0.1}, 1.0), trial(1, {"kind": "b", "y": 0.1}, 1.0)],
        space,
    )
    sampler = Noting([past])

    def unlike(trial: optuna.Trial) -> float:
        kind = trial.suggest_categorical("kind", ["a", "b"])
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        return x + y + len(kind)

    asked(sampler, *[unlike] * 8)
    assert sampler.told[0][1].conditions == {"x": ("kind", frozenset({"a"}))}
    assert sampler.told[-1][1].conditions == {}


def test_a_choice_of_the_past_that_the_study_does_not_have_is_left_out() -> None:
    space = SearchSpace({"kind": Categorical(("a", "b", "old")), "x": Float(0, 1)})
    tried: list[Config] = [{"kind": "a"}, {"kind": "b", "x": 0.1}, {"kind": "old", "x": 0.2}]
    past = study([trial(i, config, float(i)) for i, config in enumerate(tried)], space)

    def without(trial: optuna.Trial) -> float:
        if trial.suggest_categorical("kind", ["a", "b"]) == "a":
            return 0.0
        return trial.suggest_float("x", 0, 1)

    sampler = Noting([past])
    asked(sampler, without, without, without, without)
    _, encoding, prior = sampler.told[-1]
    assert encoding.conditions == {"x": ("kind", frozenset({"b"}))}
    assert prior is not None
    assert len(prior.points) == 2
    assert np.isfinite(encoding.settle(np.array([[1.0, 0.5]]))).all()


def test_a_past_in_other_ranges_is_brought_into_those_of_the_study() -> None:
    wide = SearchSpace({"x": Float(0, 10)})
    past = evaluated([{"x": 0.5}, {"x": 1.04}, {"x": 7.0}], bowl(0.5), wide)
    sampler = Noting([past])
    asked(sampler, x_alone, x_alone)
    prior = sampler.told[-1][2]
    assert prior is not None
    assert sorted(prior.units.ravel().tolist()) == [0.5, 1.0]


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_past_may_be_optuna_studies(direction: str) -> None:
    past = optuna.create_study(direction=direction)
    past.add_trials(
        create_trial(params={"x": x}, distributions={"x": UNIT}, value=x) for x in (0.1, 0.5, 0.9)
    )
    sampler = Noting([past], plan={"x": 0.25})
    asked(sampler, x_alone)
    prior = sampler.told[0][2]
    assert prior is not None
    best = 0.1 if direction == "minimize" else 0.9
    assert prior.units[0].tolist() == [best]


def test_a_study_of_several_objectives_is_refused() -> None:
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=Noting())
    with pytest.raises(ValueError, match="Noting is for one objective"):
        study.ask({"x": UNIT})


def test_a_sampler_can_be_pickled_amid_a_study() -> None:
    sampler = Noting(bowls(2, 0, 5), plan={"x": 0.25})
    asked(sampler, x_alone)
    again = pickle.loads(pickle.dumps(sampler))
    assert asked(again, x_alone).trials[0].params == {"x": 0.25}


def test_a_reseeded_sampler_draws_as_a_new_one() -> None:
    spaces: dict[str, BaseDistribution] = {"k": CategoricalDistribution(range(1000))}

    def draws(sampler: PlannedSampler) -> list[Any]:
        study = optuna.create_study(sampler=sampler)
        return [study.ask(spaces).params["k"] for _ in range(3)]

    assert draws(Noting().reseeded(3)) == draws(Noting().reseeded(3))
    assert draws(Noting().reseeded(3)) != draws(Noting().reseeded(4))
    fresh = Noting()
    fresh.reseed_rng()
    assert draws(fresh) != draws(Noting())


def test_a_sampler_for_whom_all_is_settled_asks_for_the_record() -> None:
    code = Encoding(CUBE)
    record = evaluated(at_random(3, 0), bowl(0.5, 0.5, 0.5))
    sampler = Noting.fitted(code, None, lambda: record)
    asked(sampler, x_alone)
    assert sampler.told == [(record, code, None)]
