"""The sampler in plain Optuna studies: warm and cold, pending, failed, pruned, maximised."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState as OptunaState
from optuna.trial import create_trial

from meta.sampler import MetaGPSampler
from meta.space import Config
from meta.study import Study
from tests.meta.records import at_random, bowls

UNIT = FloatDistribution(0.0, 1.0)
CUBE: dict[str, BaseDistribution] = {"x": UNIT, "y": UNIT, "z": UNIT}
PAST = bowls(4, seed=0)

Objective = Callable[[optuna.Trial], float]


def target(trial: optuna.Trial) -> float:
    point = [trial.suggest_float(name, 0, 1) for name in CUBE]
    return float(np.sum((np.array(point) - [0.33, 0.27, 0.3]) ** 2))


def optimised(
    sampler: MetaGPSampler, objective: Objective = target, trials: int = 10, **options: Any
) -> optuna.Study:
    direction = options.pop("direction", "minimize")
    study = optuna.create_study(sampler=sampler, direction=direction)
    study.optimize(objective, n_trials=trials, **options)
    return study


def by_chance(objective: Objective = target, trials: int = 10) -> float:
    """What random search reaches, the median of many."""
    found = []
    for seed in range(30):
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
        study.optimize(objective, n_trials=trials)
        found.append(study.best_value)
    return float(np.median(found))


def params(study: optuna.Study) -> list[dict[str, Any]]:
    return [trial.params for trial in study.trials]


def optuna_past(direction: str = "minimize") -> list[optuna.Study]:
    sign = 1 if direction == "minimize" else -1
    studies = []
    for record in PAST:
        study = optuna.create_study(direction=direction)
        study.add_trials(
            create_trial(
                params=dict(item.config),
                distributions=CUBE,
                value=sign * item.measurements[-1].value,
            )
            for item in record.trials
        )
        studies.append(study)
    return studies


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(verbosity)


@pytest.mark.parametrize("past", [PAST, optuna_past(), optuna_past("maximize")])
def test_a_past_makes_the_first_ten_trials_far_better_than_chance(past: list[Any]) -> None:
    assert optimised(MetaGPSampler(past, seed=0)).best_value < 0.1 * by_chance()


def test_a_study_may_maximise() -> None:
    study = optimised(
        MetaGPSampler(PAST, seed=0), lambda trial: -target(trial), direction="maximize"
    )
    assert -study.best_value < 0.1 * by_chance()


def test_without_a_past_it_is_better_than_chance_all_the_same() -> None:
    assert optimised(MetaGPSampler(seed=0), trials=20).best_value < 0.3 * by_chance(trials=20)


def test_the_same_seed_gives_the_same_study() -> None:
    first, again, other = (
        params(optimised(MetaGPSampler(PAST, seed=seed), trials=8)) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_asking_eight_times_without_telling_gives_eight_configurations() -> None:
    for sampler in (MetaGPSampler(PAST, seed=0), MetaGPSampler(seed=0)):
        study = optimised(sampler, trials=3)
        asked = [study.ask(CUBE).params for _ in range(8)]
        assert len({tuple(some.items()) for some in asked}) == 8


def test_two_jobs_at_once_do_not_get_in_each_others_way() -> None:
    study = optimised(MetaGPSampler(PAST, seed=0), trials=12, n_jobs=2)
    assert [trial.state for trial in study.trials] == [OptunaState.COMPLETE] * 12
    assert len({tuple(some.items()) for some in params(study)}) == 12
    assert study.best_value < 0.2 * by_chance()


def test_many_threads_may_ask_at_once() -> None:
    study = optimised(MetaGPSampler(PAST, seed=0), trials=2)
    with ThreadPoolExecutor(6) as pool:
        asked = list(pool.map(lambda _: study.ask(CUBE).params, range(12)))
    assert len({tuple(some.items()) for some in asked}) == 12


def test_a_grid_of_steps_is_tried_without_repeats() -> None:
    grid: dict[str, BaseDistribution] = {
        "n": IntDistribution(2, 10, step=4),
        "x": FloatDistribution(0, 1, step=0.5),
        "kind": CategoricalDistribution(("a", None)),
    }
    study = optuna.create_study(sampler=MetaGPSampler(seed=0))
    for _ in range(18):
        trial = study.ask(grid)
        study.tell(trial, trial.params["n"] + trial.params["x"])
    tried = [tuple(some.items()) for some in params(study)]
    assert len(set(tried[1:])) >= 17  # the first was drawn before the grid was known


def test_only_candidates_are_proposed() -> None:
    candidates: list[Config] = at_random(12, 5)
    study = optimised(MetaGPSampler(PAST, seed=0, candidates=candidates), trials=12)
    assert all(some in candidates for some in params(study))
    assert len({tuple(some.items()) for some in params(study)}) == 12


def test_a_parameter_that_appears_later_is_learned() -> None:
    def growing(trial: optuna.Trial) -> float:
        loss = trial.suggest_float("x", 0, 1)
        return loss + (trial.suggest_float("late", 0, 1) if trial.number > 2 else 0.5)

    study = optimised(MetaGPSampler(seed=0), growing, 20)
    assert np.median([some["late"] for some in params(study)[-6:]]) < 0.25


def test_conditional_parameters_are_learned() -> None:
    def branching(trial: optuna.Trial) -> float:
        if trial.suggest_categorical("kind", ["tree", "linear"]) == "linear":
            return 0.5 + trial.suggest_float("alpha", 0, 1)
        return abs(trial.suggest_float("eta", 0, 1) - 0.7)

    study = optimised(MetaGPSampler(seed=0), branching, 25)
    assert study.best_value < 0.02
    again = optimised(MetaGPSampler([study], seed=0), branching, 3)
    assert again.best_value < 0.05


def test_a_range_that_is_wider_than_the_pasts_is_searched_in_all() -> None:
    def wider(trial: optuna.Trial) -> float:
        return sum((trial.suggest_float(name, 0, 4) - 2.5) ** 2 for name in CUBE)

    study = optimised(MetaGPSampler(PAST, seed=0), wider, 25)
    assert study.best_value < 0.3 * by_chance(wider, 25)


def test_failed_trials_are_not_tried_again_and_their_region_is_left() -> None:
    def failing(trial: optuna.Trial) -> float:
        loss = target(trial)
        if trial.params["x"] > 0.25:
            raise MemoryError
        return loss

    study = optimised(MetaGPSampler(PAST, seed=0), failing, 25, catch=(MemoryError,))
    states = [trial.state is OptunaState.FAIL for trial in study.trials]
    assert sum(states[15:]) < 8
    assert study.best_value < 0.02


def test_trials_that_violate_a_constraint_count_as_failed() -> None:
    def constrained(trial: optuna.Trial) -> float:
        loss = target(trial)
        trial.set_constraint("memory", trial.params["x"] - 0.25)
        return loss

    study = optimised(MetaGPSampler(PAST, seed=0), constrained, 25)
    kept = [trial.value for trial in study.trials if trial.params["x"] <= 0.25]
    assert min(value for value in kept if value is not None) < 0.02
    assert len(kept) > 8


def test_pruned_trials_inform() -> None:
    def pruned(trial: optuna.Trial) -> float:
        loss = target(trial)
        trial.report(loss + 0.5, 1)
        if trial.number > 4 and loss > 0.1:
            raise optuna.TrialPruned
        trial.report(loss, 2)
        return loss

    study = optimised(MetaGPSampler(seed=0), pruned, 25)
    assert {trial.state for trial in study.trials} == {OptunaState.COMPLETE, OptunaState.PRUNED}
    assert study.best_value < 0.3 * by_chance(trials=25)


def test_infinite_values_and_failures_in_the_past_are_no_trouble() -> None:
    (past, *others) = optuna_past()
    for value in (float("inf"), float("-inf")):
        past.add_trial(create_trial(params={"x": 0.9}, distributions={"x": UNIT}, value=value))
    past.add_trial(
        create_trial(state=OptunaState.FAIL, params={"x": 0.9}, distributions={"x": UNIT})
    )
    study = optimised(MetaGPSampler([past, *others], seed=0))
    assert study.best_value < 0.1 * by_chance()


def test_an_enqueued_trial_is_run_as_it_is() -> None:
    study = optuna.create_study(sampler=MetaGPSampler(PAST, seed=0))
    study.enqueue_trial({"x": 0.9, "y": 0.9})
    study.optimize(target, n_trials=2)
    assert study.trials[0].params["x"] == study.trials[0].params["y"] == 0.9


def test_an_empty_past_is_as_none() -> None:
    nothing: list[optuna.Study | Study] = [optuna.create_study(), PAST[0].with_trials(())]
    study = optimised(MetaGPSampler(nothing, seed=0), trials=3)
    assert len(study.trials) == 3


def test_the_latest_proposal_says_how_far_the_past_was_trusted() -> None:
    sampler = MetaGPSampler(PAST, seed=0)
    assert sampler.proposal is None
    optimised(sampler, trials=5)
    assert sampler.proposal is not None
    assert sampler.proposal.trust > 0.5
    assert sampler.proposal.trusted.startswith("past ")
    optimised(sampler, trials=1)
    assert MetaGPSampler(seed=0).proposal is None
