"""What is expected of a study of a task that was studied before."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from meta.forecast import forecast
from meta.study import Metric, Study, Task
from tests.meta.records import study, trial

WINE, BEER = Task("wine", "xgboost"), Task("beer", "xgboost")
SHARE = Metric("share", "min", 0.0, 1.0)


def past(task: Task, *values: float, seconds: float = 36.0) -> Study:
    """A study whose trials completed with ``values``."""
    trials = [replace(trial(i, {}, value), seconds=seconds) for i, value in enumerate(values)]
    return replace(study(trials, metric=SHARE), task=task)


def test_without_a_study_of_the_task_nothing_is_expected() -> None:
    assert forecast(WINE, [past(BEER, 0.5)], 10) is None
    assert forecast(WINE, [study([])], 10) is None


def test_the_expected_value_is_the_mean_of_what_past_studies_had_by_then() -> None:
    ahead = forecast(WINE, [past(WINE, 0.5, 0.3), past(WINE, 0.7, 0.4), past(BEER, 0.1)], 2)
    assert ahead is not None
    assert ahead.values[1].expected == pytest.approx(0.6)
    assert ahead.values[2].expected == pytest.approx(0.35)
    assert ahead.studies == 2


def test_the_hours_are_those_of_past_trials() -> None:
    ahead = forecast(WINE, [past(WINE, 0.5), past(WINE, 0.5, seconds=72.0)], 100)
    assert ahead is not None
    assert ahead.hours.expected == pytest.approx(1.5)
    assert ahead.hours.low < 1.5 < ahead.hours.high


def test_an_interval_keeps_to_what_the_metric_can_take() -> None:
    ahead = forecast(WINE, [past(WINE, 0.01), past(WINE, 0.9)], 1)
    assert ahead is not None
    assert (ahead.values[1].low, ahead.values[1].high) == (0.0, 1.0)


def test_what_scatters_little_elsewhere_is_expected_more_exactly() -> None:
    def reach(*others: Study) -> float:
        ahead = forecast(WINE, [past(WINE, 0.5), *others], 1)
        assert ahead is not None
        return ahead.values[1].high - ahead.values[1].expected

    alike, unlike = [past(BEER, value) for value in (0.5, 0.501)], [past(BEER, 0.1), past(BEER, 1)]
    assert reach(*alike) < reach() < reach(*unlike)


def test_past_studies_are_forecast_from_the_others_of_their_task() -> None:
    usual = [past(WINE, 0.5 + 0.01 * i) for i in range(9)]
    ahead = forecast(WINE, [*usual, past(WINE, 0.9), past(BEER, 0.5)], 1)
    assert ahead is not None
    assert (ahead.checked, ahead.held) == (10, 9)


class Counted(tuple[Any, ...]):
    """Trials that count how often they are gone through."""

    times = 0

    def __iter__(self) -> Iterator[Any]:
        self.times += 1
        return super().__iter__()


def test_a_study_is_read_equally_often_however_many_there_are() -> None:
    def times(count: int) -> int:
        trials = Counted(past(WINE, 0.5, 0.4).trials)
        counted = past(WINE).with_trials(trials)
        forecast(WINE, [counted] + [past(WINE, 0.5) for _ in range(count)], 2)
        return trials.times

    assert times(20) == times(2)
