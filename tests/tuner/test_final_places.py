"""How many final fits train at once, how long, and what they use, with a stand-in for Ray."""

from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from meta.study import Measurement, Metric, Task, Trial, TrialState
from tests.tuner.studies import METRIC, SPACE, journal, trial
from tuner import finalize
from tuner.config import Budget, Model, StudyConfig
from tuner.context import TrialSetting
from tuner.errors import NoTrialCompleted
from tuner.finalize import FinalFits
from tuner.journal import Journal
from tuner.resources import Allotment
from tuner.usage import Usage
from tuner.worker import Fitted

CONFIG = StudyConfig(Task("toy", "curve"), "toy", METRIC, SPACE)
BATCH: Any = {
    "measurements": [{"step": 1, "value": 0.5, "metrics": {}}],
    "ended": (TrialState.COMPLETED, "", 1.0, None),
    "usage": Usage(1.0),
}
HELD = Usage(0.0, cpu=1.0, gpu=1.0, gpus=("a",))
BEST = trial(0, TrialState.COMPLETED, 0.5)


class Task:
    """A training that says what it holds, then what it came to, if it comes to something."""

    def __init__(self, given: list[object]) -> None:
        self.given = given

    def __next__(self) -> object:
        return self.given.pop(0)


class Ray:
    """Trainings that end one by one; ``most`` is how many there were at once.

    The first ones come to what ``ends`` says: an exception is a lost worker, None a hanging one.
    """

    exceptions = SimpleNamespace(RayError=KeyError)

    def __init__(self) -> None:
        self.running: set[object] = set()
        self.most = 0
        self.steps: set[int] = set()
        self.ends: list[object] = []
        self.killed = 0

    def put(self, value: object) -> object:
        return value

    def remote(self, function: object) -> Any:
        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=self.start))

    def start(self, setting: TrialSetting, *_: object) -> object:
        end = self.ends.pop(0) if self.ends else Fitted([BATCH], {})
        task = Task([HELD] if end is None else [HELD, end])
        self.steps.add(setting.max_steps)
        self.running.add(task)
        self.most = max(self.most, len(self.running))
        return task

    def wait(self, tasks: list[Task], timeout: float) -> tuple[list[Task], list[Task]]:
        ready = [task for task in tasks if task.given]
        return ready[:1], ready[1:]

    def get(self, given: object) -> object:
        if given is HELD:
            return given
        self.running.pop()
        if isinstance(given, Exception):
            raise given
        return given

    def cancel(self, task: object, force: bool) -> None:
        self.killed += 1


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Ray:
    stand_in = Ray()
    monkeypatch.setattr(finalize, "ray", stand_in)
    return stand_in


def fit(folder: Path, best: Trial, config: StudyConfig, concurrency: int = 1) -> Journal:
    """Fit ``best`` with three seeds in a study of at most five steps."""
    log = journal(folder, best)
    go_on(log, best, config, concurrency)
    return log


def go_on(log: Journal, best: Trial, config: StudyConfig, concurrency: int = 1) -> None:
    session: Any = SimpleNamespace(
        journal=log,
        config=config,
        allotment=Allotment(1.0, 0.0, concurrency),
        setting=TrialSetting("toy", "curve", METRIC, 5, (1,), log.path.parent),
        data=None,
        heed_signals=lambda: None,
    )
    FinalFits(session, best, "test part").run([0, 5, 7])


@pytest.mark.parametrize("concurrency", [1, 2])
def test_no_more_final_fits_train_at_once_than_trials_did(
    tmp_path: Path, ray: Ray, concurrency: int
) -> None:
    log = fit(tmp_path, BEST, CONFIG, concurrency)
    assert ray.most == concurrency
    assert [fit.seed for fit in log.final_fits] == [0, 5, 7]


@pytest.mark.parametrize(
    ("values", "patience", "steps"),
    [
        ((0.5, 0.7, 0.6, 0.7), 2, 2),
        ((0.5, 0.7, 0.6, 0.7), None, 5),
        ((0.5, 0.7, 0.6, 0.7, 0.6), 3, 5),
    ],
)
def test_a_trial_that_was_stopped_early_is_trained_anew_until_its_best_value(
    tmp_path: Path, ray: Ray, values: tuple[float, ...], patience: int | None, steps: int
) -> None:
    config = replace(CONFIG, metric=Metric("score", "max"), model=Model(early_stopping=patience))
    seen = tuple(Measurement(step, value, 1.0) for step, value in enumerate(values, 1))
    fit(tmp_path, Trial(0, {"x": 0.5, "y": 0.5}, TrialState.COMPLETED, seen), config)
    assert ray.steps == {steps}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds pass whenever somebody looks."""
    ticks = count(step=10)
    monkeypatch.setattr(finalize.time, "monotonic", lambda: float(next(ticks)))


@pytest.mark.usefixtures("clock")
def test_what_a_lost_training_used_is_counted_and_it_is_repeated(tmp_path: Path, ray: Ray) -> None:
    ray.ends = [KeyError("died")]
    log = fit(tmp_path, BEST, CONFIG)
    assert len(log.final_fits) == 3
    used = log.ledger.trials[None]
    assert used.seconds >= 13
    assert used.gpus == ("a",)


@pytest.mark.usefixtures("clock")
def test_a_training_that_hangs_is_ended_and_the_others_are_tested(tmp_path: Path, ray: Ray) -> None:
    ray.ends = [None]
    log = journal(tmp_path, BEST)
    config = replace(CONFIG, budget=Budget(step_timeout_seconds=60))
    with pytest.raises(NoTrialCompleted, match=r"no result after 300 s \(budget.step_timeout"):
        go_on(log, BEST, config)
    assert ray.killed == 1
    assert [fit.seed for fit in log.final_fits] == [5, 7]
    assert log.ledger.trials[None].seconds >= 302


@pytest.mark.usefixtures("clock")
def test_what_an_interrupted_training_used_is_counted(tmp_path: Path, ray: Ray) -> None:
    ray.ends = [RuntimeError("a signal")]
    log = journal(tmp_path, BEST)
    with pytest.raises(RuntimeError, match="a signal"):
        go_on(log, BEST, CONFIG)
    assert ray.killed == 1
    assert log.ledger.trials[None].seconds >= 10
