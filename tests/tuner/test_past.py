"""From the stores to the first configurations."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

import tuner.past
from meta.history import Refusal
from meta.space import Config
from meta.study import Measurement, Study, Task, Trial, TrialState
from tests.tuner.studies import METRIC, SPACE, study
from tuner import tracking
from tuner.config import RunOptions, StudyConfig, WarmStart
from tuner.errors import EnvironmentFault
from tuner.past import OTHER_MODEL, SHOWN, STARTER, read_past

CONFIG = StudyConfig(study().task, "toy", METRIC, SPACE, warm_start=WarmStart(starter=False))
WITH_STARTER = replace(CONFIG, warm_start=WarmStart())
BEST: Config = {"x": 0.7, "depth": 2}


def before(name: str = "before", **changes: Any) -> Study:
    """A past study whose best configuration is ``BEST``; one of its trials failed."""
    trials = [
        Trial(i, {"x": i / 10, "depth": 2}, TrialState.COMPLETED, (Measurement(1, value, 0.1),))
        for i, value in enumerate((0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2))
    ]
    failed = Trial(8, {"x": 0.75, "depth": 5}, TrialState.FAILED)
    return replace(study(), id=name, trials=(*trials, failed), **changes)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> list[Study]:
    """The studies that every store holds."""
    studies = [before()]
    found = SimpleNamespace(studies=studies, refused=(Refusal("x", None, "not ours"),))
    monkeypatch.setattr(tracking, "read_studies", lambda uri, experiment: found)
    return studies


@pytest.fixture
def starter(monkeypatch: pytest.MonkeyPatch) -> list[Study]:
    """The studies of the starter history."""
    studies = [before("lent", task=Task("lent", "curve"))]
    monkeypatch.setattr(tuner.past, "starter_studies", lambda: studies)
    return studies


def test_a_warm_study_starts_from_the_past_and_then_from_the_default(store: list[Study]) -> None:
    past = read_past(CONFIG, RunOptions())
    assert past.points[0].config == BEST
    assert past.points[0].reason == "expected best, tried in toy-curve (warm, seed 0)"
    assert past.points[0].sources == ("before",)
    assert past.points[-1].config == SPACE.default()
    assert past.refused[0].reason == "not ours"


def test_the_prior_is_of_what_was_kept_failures_too(store: list[Study]) -> None:
    past = read_past(CONFIG, RunOptions())
    assert past.prior is not None
    assert past.prior.sources == ("before",)
    assert len(past.prior.failed) == 1
    assert [source.id for source in past.sources] == ["before"]


def test_a_cold_study_asks_nobody_and_starts_from_nothing(
    store: list[Study], starter: list[Study]
) -> None:
    past = read_past(WITH_STARTER, RunOptions(arm="cold"))
    assert (past.points, past.sources, past.prior) == ((), (), None)


@pytest.mark.parametrize("arm", ["tpe", "default"])
def test_an_arm_may_start_from_the_default_and_learn_from_nothing(
    store: list[Study], arm: str
) -> None:
    past = read_past(WITH_STARTER, RunOptions(arm=arm))
    assert [point.reason for point in past.points] == ["default"]
    assert (past.sources, past.prior) == ((), None)


def test_no_history_leaves_the_default(store: list[Study], starter: list[Study]) -> None:
    past = read_past(WITH_STARTER, RunOptions(use_history=False))
    assert [point.reason for point in past.points] == ["default"]
    assert (past.sources, past.prior) == ((), None)


def test_a_store_that_is_away_is_said_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(uri: str, experiment: str) -> Any:
        raise EnvironmentFault("connection refused")

    monkeypatch.setattr(tracking, "read_studies", away)
    past = read_past(CONFIG, RunOptions(history=("http://me:secret@host:1",)))
    assert past.unavailable == ("http://me:***@host:1: connection refused",)
    assert [point.reason for point in past.points] == ["default"]
    assert "history unavailable: http://me:***@host:1" in past.text()


def test_several_stores_are_read_together_and_one_study_in_both_counts_once(
    store: list[Study],
) -> None:
    past = read_past(CONFIG, RunOptions(history=("sqlite:///a.db", "sqlite:///b.db")))
    assert [refusal.reason for refusal in past.refused].count("not ours") == 2
    assert [source.id for source in past.sources] == ["before"]


def test_the_starter_history_teaches_less_than_a_past_of_ones_own(
    store: list[Study], starter: list[Study]
) -> None:
    starter[:] = [before("lent")]
    past = read_past(WITH_STARTER, RunOptions())
    own, lent = past.sources
    assert (own.id, lent.id) == ("before", "lent")
    assert (own.related, lent.related) == (1.0, STARTER)
    assert lent.name == "toy-curve (starter history, seed 0)"
    assert [source.id for source in read_past(CONFIG, RunOptions()).sources] == ["before"]


def test_of_the_starter_history_the_most_related_are_lent_and_no_own_study_gives_way(
    store: list[Study], starter: list[Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuner.past, "LENT", 2)
    mine = Task("mine", "curve")
    store[:] = [before(f"own-{n}", task=mine, features={"size": 50.0}) for n in range(3)]
    starter[:] = [
        before(f"lent-{n}", task=Task("lent", "curve"), features={"size": size})
        for n, size in enumerate((9.0, 1.0, 3.0, 2.0))
    ]
    past = read_past(WITH_STARTER, RunOptions(), {"size": 1.0})
    assert [source.id for source in past.sources[:2]] == ["lent-1", "lent-3"]
    assert {source.id for source in past.sources[2:]} == {"own-0", "own-1", "own-2"}


def test_a_study_of_another_model_is_less_related(store: list[Study]) -> None:
    store.append(before("other", task=Task("toy", "line")))
    same, other = read_past(CONFIG, RunOptions()).sources
    assert (same.id, other.id) == ("before", "other")
    assert other.related == pytest.approx(OTHER_MODEL * same.related)


def test_the_study_whose_data_are_alike_is_the_most_related(store: list[Study]) -> None:
    store[:] = [
        before("far", task=Task("far", "curve"), features={"log10_rows": 6.0}),
        before("near", task=Task("near", "curve"), features={"log10_rows": 3.1}),
    ]
    near, far = read_past(CONFIG, RunOptions(), {"log10_rows": 3.0}).sources
    assert (near.id, far.id) == ("near", "far")
    assert 1 > near.related > 2 * far.related


def test_without_features_those_of_a_study_of_the_same_data_are_taken(store: list[Study]) -> None:
    store[:] = [
        before("far", task=Task("far", "curve"), features={"log10_rows": 6.0}),
        before("same", features={"log10_rows": 3.0}),
    ]
    same, far = read_past(CONFIG, RunOptions()).sources
    assert (same.id, same.related) == ("same", 1.0)
    assert far.related < 0.5


def test_a_past_of_other_data_lets_the_default_go_first(store: list[Study]) -> None:
    store[:] = [before("near", task=Task("near", "curve"), features={"log10_rows": 3.6})]
    first, second, *_ = read_past(CONFIG, RunOptions(), {"log10_rows": 3.0}).points
    assert (first.config, second.config) == (SPACE.default(), BEST)


def test_another_split_of_the_data_is_the_same_data(store: list[Study]) -> None:
    store[:] = [before("split", features={"log10_rows": 3.2})]
    past = read_past(CONFIG, RunOptions(), {"log10_rows": 3.0})
    assert past.sources[0].related == 1.0
    assert past.points[0].config == BEST


def test_what_the_journal_keeps_of_the_past_is_json(store: list[Study]) -> None:
    kept = json.loads(json.dumps(read_past(CONFIG, RunOptions()).to_json()))
    (source,) = kept["sources"]
    assert (source["id"], source["trials"]) == ("before", 9)
    assert 0 < source["related"] <= 1
    assert kept["points"][0]["config"] == BEST
    assert kept["refused"] == {"not ours": 1}


def test_the_text_names_sources_refusals_and_points(store: list[Study]) -> None:
    others = [before(f"{n}", task=Task(f"data-{n}", "curve")) for n in range(SHOWN)]
    past = read_past(CONFIG, RunOptions())
    lines = past.text().splitlines()
    assert lines[0] == "history: 1 studies to learn from"
    assert lines[1].endswith("related: toy-curve (warm, seed 0), 9 trials")
    assert "  refused: not ours (1 times)" in lines
    assert f"  start 1: {past.points[0].reason}" in lines
    assert lines[-2:] == ["  start 3: default", "           x 0.9, depth 2"]
    store += others
    assert "        and 1 less related ones" in read_past(CONFIG, RunOptions()).text().splitlines()
