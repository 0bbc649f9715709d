"""From the stores to the first configurations."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from meta.history import Refusal
from meta.study import Study, TrialState
from tests.tuner.studies import METRIC, SPACE, study, trial
from tuner import tracking
from tuner.config import RunOptions, StudyConfig
from tuner.errors import EnvironmentFault
from tuner.past import read_past

CONFIG = StudyConfig(study().task, "toy", METRIC, SPACE)
BEST = trial(7, TrialState.COMPLETED, 0.5, 0.25)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> list[Study]:
    """The studies that every store holds."""
    studies: list[Study] = [replace(study(), id="before", trials=(BEST,))]
    found = SimpleNamespace(studies=studies, refused=(Refusal("x", None, "not ours"),))
    monkeypatch.setattr(tracking, "read_studies", lambda uri, experiment: found)
    return studies


def test_a_warm_study_starts_from_the_default_and_from_the_past(store: list[Study]) -> None:
    past = read_past(CONFIG, RunOptions())
    assert [point.config for point in past.points] == [SPACE.default(), BEST.recommended]
    assert past.points[1].sources == ("before",)
    assert past.refused[0].reason == "not ours"


def test_a_cold_study_asks_nobody_and_starts_from_nothing(store: list[Study]) -> None:
    assert read_past(CONFIG, RunOptions(arm="cold")).points == ()


def test_no_history_leaves_the_default(store: list[Study]) -> None:
    past = read_past(CONFIG, RunOptions(use_history=False))
    assert [point.reason for point in past.points] == ["default"]


def test_a_store_that_is_away_is_said_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(uri: str, experiment: str) -> Any:
        raise EnvironmentFault("connection refused")

    monkeypatch.setattr(tracking, "read_studies", away)
    past = read_past(CONFIG, RunOptions(history=("http://me:secret@host:1",)))
    assert past.unavailable == ("http://me:***@host:1: connection refused",)
    assert [point.reason for point in past.points] == ["default"]
    assert "history unavailable: http://me:***@host:1" in past.text()


def test_several_stores_are_read_together(store: list[Study]) -> None:
    past = read_past(CONFIG, RunOptions(history=("sqlite:///a.db", "sqlite:///b.db")))
    assert len(past.refused) >= 2


def test_what_the_journal_keeps_of_the_past_is_json(store: list[Study]) -> None:
    kept = read_past(CONFIG, RunOptions()).to_json()
    assert kept["studies"] == ["before"]
    assert kept["points"][1]["config"] == BEST.recommended
