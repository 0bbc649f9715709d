"""The test part reaches the final fits, once a seed, and nothing else."""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from meta.study import Task, TrialState
from tests.tuner.studies import METRIC, SPACE, journal, trial
from trainables.base import Data
from tuner import driver, finalize, trials
from tuner.config import RunOptions, StudyConfig
from tuner.context import FinalPart, TrialContext, TrialSetting
from tuner.events import FinalFit, Finished
from tuner.final_result import final_seeds
from tuner.journal import Journal

CONFIG = StudyConfig(Task("toy", "curve"), "toy", METRIC, SPACE)


class TestPart:
    """Nobody may hand it over to a process, and so to a trial."""

    __test__ = False

    def __reduce__(self) -> Any:
        raise AssertionError("the test part left the driver")


class Stand:
    """In place of Ray: what the search and the final fits were given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.searched: list[object] = []
        self.tested: list[tuple[object, list[int]]] = []
        monkeypatch.setattr(driver, "session", self.session)
        monkeypatch.setattr(trials, "run_trials", self.run_trials)
        monkeypatch.setattr(finalize, "FinalFits", self.final_fits)

    @contextmanager
    def session(
        self, log: Journal, config: object, cluster: object, payload: object
    ) -> Iterator[Any]:
        self.searched.append(pickle.dumps(payload))
        self.log = log
        yield SimpleNamespace(payload=payload)

    def run_trials(self, session: object, fits: int) -> None:
        self.searched.append(pickle.dumps((session, fits)))
        self.log.append(Finished("all trials done"))

    def final_fits(self, session: object, best: object, held_out: object) -> Any:
        def run(seeds: list[int]) -> None:
            self.tested.append((held_out, seeds))
            self.log.append(*(FinalFit({"x": 0.0, "depth": 2}, 0.5, seed=seed) for seed in seeds))

        return SimpleNamespace(run=run)


def test_only_the_final_fits_are_given_the_test_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand, part = Stand(monkeypatch), TestPart()
    data = Data("payload", "f", {}, {}, held_out=part)
    log = journal(tmp_path, trial(0, TrialState.COMPLETED, 0.5))
    options = RunOptions(quiet=True)
    driver._work(log, CONFIG, options, data, None)  # type: ignore[arg-type]
    assert len(stand.searched) == 2
    assert stand.tested == [(part, final_seeds(0, 3))]


def test_a_seed_that_was_tested_is_not_tested_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand = Stand(monkeypatch)
    data = Data("payload", "f", {}, {}, held_out=TestPart())
    log = journal(tmp_path, trial(0, TrialState.COMPLETED, 0.5))
    first, *others = final_seeds(0, 3)
    log.append(Finished("all trials done"), FinalFit({"x": 0.0, "depth": 2}, 0.5, seed=first))
    log.close()
    again = Journal.open(tmp_path)
    driver._work(again, CONFIG, RunOptions(quiet=True), data, None)  # type: ignore[arg-type]
    assert [seeds for _, seeds in stand.tested] == [others]
    assert again.seeds_left(3) == []


def test_without_the_final_fit_nobody_is_given_the_test_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand = Stand(monkeypatch)
    data = Data("payload", "f", {}, {}, held_out=TestPart())
    log = journal(tmp_path, trial(0, TrialState.COMPLETED, 0.5))
    options = RunOptions(quiet=True, finalize=False)
    driver._work(log, CONFIG, options, data, None)  # type: ignore[arg-type]
    assert stand.tested == []


def test_a_trial_has_no_test_part_and_a_final_training_has(tmp_path: Path) -> None:
    setting = TrialSetting("toy", "curve", METRIC, 4, (1,), tmp_path)
    searching = TrialContext(setting, 0, 1, "data", print)
    final = TrialContext(setting, "final-1", 1, "data", print, FinalPart("rows"))
    assert (searching.final, searching.held_out) == (False, None)
    assert (final.final, final.held_out) == (True, "rows")
