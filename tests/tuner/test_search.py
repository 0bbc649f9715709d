"""What Optuna is told, beside what Ray's own ``OptunaSearch`` would tell it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState as OptunaState
from ray import cloudpickle
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from meta.encoding import Encoding
from meta.prior import Prior, fit_prior
from meta.recommend import Recommendation
from meta.space import Categorical, Config, Float, Int, SearchSpace
from meta.study import Measurement, Trial, TrialState
from tests.tuner.studies import SPACE, journal, no_packing, study
from tuner.events import Ended, Measured
from tuner.journal import Journal
from tuner.search import META, STOCK, StudySearch, distributions, trial_seed

POINT = Recommendation({"x": 0.25, "depth": 3}, "default")


@pytest.fixture
def log(tmp_path: Path) -> Journal:
    return journal(tmp_path)


def search(
    log: Journal,
    *points: Recommendation,
    sampler: str = "tpe",
    prior: Prior | None = None,
    concurrency: int = 3,
    trials: int = 20,
) -> Any:
    return StudySearch(log, list(points), sampler, trials, concurrency, no_packing(log), prior)


@pytest.fixture(scope="module")
def prior() -> Prior:
    """What three studies taught whose best ``x`` was about 0.3."""
    generator = np.random.default_rng(0)
    studies = []
    for lowest in (0.25, 0.3, 0.35):
        xs = generator.random(10).tolist()
        configs: list[Config] = [{"x": x, "depth": 1 + i % 5} for i, x in enumerate(xs)]
        values = [(x - lowest) ** 2 for x in xs]
        trials = [done(i, *pair) for i, pair in enumerate(zip(configs, values, strict=True))]
        studies.append(study().with_trials(trials))
    fitted = fit_prior(studies, Encoding(SPACE))
    assert fitted is not None
    return fitted


def done(id: int, config: Config, value: float) -> Trial:
    return Trial(id, config, TrialState.COMPLETED, (Measurement(1, value, 0.1),))


def end(log: Journal, ours: StudySearch, id: str, state: TrialState, *values: float) -> None:
    """A trial measures ``values`` and ends, as the scheduler would enter it."""
    number = ours._running[id]
    for step, value in enumerate(values, 1):
        log.append(Measured(number, Measurement(step, value, 0.1)))
    log.append(Ended(number, state))
    ours.on_trial_complete(id, {"value": values[-1]} if values else None)


def told(ours: StudySearch) -> list[optuna.trial.FrozenTrial]:
    return ours._study.get_trials()


def stock(finish: Callable[[OptunaSearch], None]) -> optuna.trial.FrozenTrial:
    """How Ray's searcher leaves the only trial of a study."""
    searcher = OptunaSearch(distributions(SPACE), metric="value", mode="min")
    searcher.suggest("a")
    finish(searcher)
    study = searcher._ot_study
    assert study is not None
    return study.trials[0]


def result(step: int, value: float) -> dict[str, float]:
    return {"training_iteration": step, "value": value}


def test_a_stopped_trial_is_pruned_with_all_its_values(log: Journal) -> None:
    def finish(searcher: OptunaSearch) -> None:
        searcher.on_trial_result("a", result(1, 0.5))
        searcher.on_trial_complete("a", result(2, 0.4))

    ours = search(log)
    ours.suggest("a")
    end(log, ours, "a", TrialState.STOPPED, 0.5, 0.4)
    assert stock(finish).state is OptunaState.COMPLETE
    assert told(ours)[0].state is OptunaState.PRUNED
    assert told(ours)[0].intermediate_values == {1: 0.5, 2: 0.4}


def test_a_failed_trial_fails_though_it_had_reported(log: Journal) -> None:
    def finish(searcher: OptunaSearch) -> None:
        searcher.on_trial_result("a", result(1, 0.5))
        searcher.on_trial_complete("a", result(1, 0.5), error=True)

    ours = search(log)
    ours.suggest("a")
    end(log, ours, "a", TrialState.FAILED, 0.5)
    assert stock(finish).state is OptunaState.COMPLETE
    assert told(ours)[0].state is OptunaState.FAIL


def test_a_diverged_trial_fails_and_does_not_run_for_ever(log: Journal) -> None:
    ours = search(log)
    ours.suggest("a")
    end(log, ours, "a", TrialState.DIVERGED)
    assert stock(lambda s: s.on_trial_complete("a", result(1, float("nan")))).state is (
        OptunaState.RUNNING
    )
    assert told(ours)[0].state is OptunaState.FAIL


def test_only_a_completed_trial_can_be_the_best(log: Journal) -> None:
    ours = search(log)
    for id, state, value in (
        ("a", TrialState.STOPPED, 0.1),
        ("b", TrialState.COMPLETED, 0.3),
        ("c", TrialState.FAILED, 0.0),
    ):
        ours.suggest(id)
        end(log, ours, id, state, value)
    assert ours._study.best_trial.number == 1
    assert log.study.best is not None
    assert log.study.best.id == 1


def test_running_trials_are_known_to_the_sampler(log: Journal) -> None:
    ours = search(log)
    configs = [ours.suggest(id)["params"] for id in "abc"]
    running = ours._study.get_trials(states=[OptunaState.RUNNING])
    assert [trial.params for trial in running] == configs


def test_points_come_first_in_order_and_say_where_they_come_from(log: Journal) -> None:
    other = Recommendation({"x": 0.5, "depth": 1}, "best of the past", ("s1",))
    ours = search(log, POINT, other)
    assert [ours.suggest(id)["params"] for id in "ab"] == [POINT.config, other.config]
    ours.suggest("c")
    assert [trial.origin for trial in log.study.trials] == ["default", "best of the past", "tpe"]


def test_no_more_trials_run_at_once_than_may(log: Journal) -> None:
    ours = search(log, concurrency=1)
    ours.suggest("a")
    assert ours.suggest("b") is None
    end(log, ours, "a", TrialState.COMPLETED, 0.5)
    assert ours.suggest("b")["trial"] == 1


def test_the_study_ends_with_its_last_trial_which_may_come_back(log: Journal) -> None:
    ours = search(log, trials=1)
    ours.suggest("a")
    assert ours.suggest("b") is None
    ours.on_trial_complete("a", error=True)
    assert ours.suggest("c")["trial"] == 0
    end(log, ours, "c", TrialState.COMPLETED, 0.5)
    assert ours.suggest("d") == Searcher.FINISHED


def test_a_trial_is_in_the_journal_before_it_runs(log: Journal) -> None:
    config = search(log).suggest("a")
    trial = log.trials[config["trial"]]
    assert (trial.config, trial.seed) == (config["params"], config["seed"])


def play(log: Journal, ours: StudySearch, count: int) -> None:
    """Some trials, some of them stopped, one after the other."""
    for _ in range(count):
        config = ours.suggest("t")
        x = config["params"]["x"]
        state = TrialState.STOPPED if config["trial"] % 3 == 1 else TrialState.COMPLETED
        end(log, ours, "t", state, x + 1, (x - 0.3) ** 2)


@pytest.mark.parametrize("sampler", [*STOCK, *META])
def test_a_resumed_study_proposes_what_an_uninterrupted_one_would(
    sampler: str, prior: Prior, tmp_path: Path
) -> None:
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    how: Any = {"sampler": sampler, "prior": prior}
    whole = journal(tmp_path / "whole")
    play(whole, search(whole, POINT, **how), 12)
    broken = journal(tmp_path / "broken")
    play(broken, search(broken, POINT, **how), 7)
    broken.close()
    prior.save(tmp_path / "prior.npz")
    again = Journal.open(tmp_path / "broken")
    how["prior"] = Prior.load(tmp_path / "prior.npz")
    play(again, search(again, POINT, **how), 5)
    for mine, theirs in zip(again.study.trials, whole.study.trials, strict=True):
        assert (mine.config, mine.origin) == (theirs.config, theirs.origin)


@pytest.mark.parametrize("sampler", META)
def test_a_proposal_depends_on_the_trials_not_on_who_was_asked_before(
    sampler: str, prior: Prior, tmp_path: Path
) -> None:
    """Three run at once when a kill comes: they are handed out again, then comes the fourth."""
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    how: Any = {"sampler": sampler, "prior": prior, "concurrency": 4}
    whole = journal(tmp_path / "whole")
    ours = search(whole, POINT, **how)
    play(whole, ours, 6)
    expected = [ours.suggest(id) for id in "abcd"]
    broken = journal(tmp_path / "broken")
    before = search(broken, POINT, **how)
    play(broken, before, 6)
    for id in "abc":
        before.suggest(id)
    broken.close()
    again = search(Journal.open(tmp_path / "broken"), POINT, **how)
    assert [again.suggest(id) for id in "abcd"] == expected
    assert len({tuple(one["params"].values()) for one in expected}) == 4


def test_a_trial_says_how_far_the_past_was_trusted(log: Journal, prior: Prior) -> None:
    play(log, search(log, POINT, sampler="meta-gp", prior=prior), 8)
    first, *proposed = log.study.trials
    assert (first.origin, first.trust) == ("default", None)
    for trial in proposed:
        share = f"past {trial.trust:.0%}" if trial.trust else "without the past"
        assert trial.origin == f"meta-gp, {share}"
    assert proposed[0].trust
    assert 0.0 in [trial.trust for trial in proposed]


@pytest.mark.parametrize("sampler", META)
def test_where_there_is_no_past_it_has_no_say(sampler: str, log: Journal) -> None:
    play(log, search(log, sampler=sampler), 7)
    assert {(trial.origin, trial.trust) for trial in log.study.trials} == {
        (f"{sampler}, without the past", 0.0)
    }


@pytest.mark.parametrize("sampler", META)
def test_a_study_goes_where_the_past_was_best(sampler: str, log: Journal, prior: Prior) -> None:
    play(log, search(log, sampler=sampler, prior=prior), 4)
    assert min(abs(float(trial.config["x"]) - 0.3) for trial in log.study.trials) < 0.05


@pytest.mark.parametrize("sampler", [*STOCK, *META])
def test_a_search_can_be_pickled_as_ray_does_when_it_starts(
    sampler: str, log: Journal, prior: Prior
) -> None:
    ours = search(log, POINT, sampler=sampler, prior=prior)
    assert cloudpickle.dumps(ours)
    play(log, ours, 3)
    assert cloudpickle.dumps(ours)
    ours.save_to_dir(str(log.path.parent))  # every ten seconds


def test_an_interrupted_trial_is_handed_out_again_under_its_number(tmp_path: Path) -> None:
    first = journal(tmp_path)
    ours = search(first)
    before = [ours.suggest(id) for id in "ab"]
    first.close()
    log = Journal.open(tmp_path)
    again = search(log)
    assert [again.suggest(id) for id in "cd"] == before
    assert again.suggest("e")["trial"] == 2
    end(log, again, "c", TrialState.COMPLETED, 0.5)
    assert told(again)[0].state is OptunaState.COMPLETE


def test_points_already_tried_are_not_tried_again_after_a_resume(tmp_path: Path) -> None:
    first = journal(tmp_path)
    ours = search(first, POINT)
    ours.suggest("a")
    end(first, ours, "a", TrialState.COMPLETED, 0.5)
    first.close()
    assert search(Journal.open(tmp_path), POINT).suggest("b")["params"] != POINT.config


def test_seeds_differ_between_trials_and_studies() -> None:
    seeds = {trial_seed(study, trial) for study in range(10) for trial in range(10)}
    assert len(seeds) == 100


def test_every_kind_of_parameter_has_its_distribution() -> None:
    space = SearchSpace(
        {"a": Float(0.1, 1.0, log=True), "b": Int(1, 8), "c": Categorical(("p", "q"))}
    )
    assert distributions(space) == {
        "a": optuna.distributions.FloatDistribution(0.1, 1.0, log=True),
        "b": optuna.distributions.IntDistribution(1, 8),
        "c": optuna.distributions.CategoricalDistribution(("p", "q")),
    }
