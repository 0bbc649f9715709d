"""How many final fits train at once, and how long each, with a stand-in for Ray."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from meta.study import Measurement, Metric, Task, Trial, TrialState
from tests.tuner.studies import METRIC, SPACE, journal, trial
from tuner import finalize
from tuner.config import Model, StudyConfig
from tuner.context import TrialSetting
from tuner.finalize import FinalFits
from tuner.journal import Journal
from tuner.resources import Allotment
from tuner.usage import Usage
from tuner.worker import Fitted

CONFIG = StudyConfig(Task("toy", "curve"), "toy", METRIC, SPACE)
BATCH: Any = {
    "measurements": [{"step": 1, "value": 0.5, "metrics": {}}],
    "ended": (TrialState.COMPLETED, "", 1.0),
    "usage": Usage(1.0),
}


class Ray:
    """Trainings that end one by one; ``most`` is how many there were at once."""

    exceptions = SimpleNamespace(RayError=KeyError)

    def __init__(self) -> None:
        self.running: set[object] = set()
        self.most = 0
        self.steps: set[int] = set()

    def put(self, value: object) -> object:
        return value

    def remote(self, function: object) -> Any:
        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=self.start))

    def start(self, setting: TrialSetting, *_: object) -> object:
        task = object()
        self.steps.add(setting.max_steps)
        self.running.add(task)
        self.most = max(self.most, len(self.running))
        return task

    def wait(self, tasks: list[object], timeout: float) -> tuple[list[object], list[object]]:
        return tasks[:1], tasks[1:]

    def get(self, task: object) -> Fitted:
        self.running.remove(task)
        return Fitted([BATCH], {})


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Ray:
    stand_in = Ray()
    monkeypatch.setattr(finalize, "ray", stand_in)
    return stand_in


def fit(folder: Path, best: Trial, config: StudyConfig, concurrency: int = 1) -> Journal:
    """Fit ``best`` with three seeds in a study of at most five steps."""
    log = journal(folder, best)
    session: Any = SimpleNamespace(
        journal=log,
        config=config,
        allotment=Allotment(1.0, 0.0, concurrency),
        setting=TrialSetting("toy", "curve", METRIC, 5, (1,), folder),
        data=None,
        heed_signals=lambda: None,
    )
    FinalFits(session, best, "test part").run([0, 5, 7])
    return log


@pytest.mark.parametrize("concurrency", [1, 2])
def test_no_more_final_fits_train_at_once_than_trials_did(
    tmp_path: Path, ray: Ray, concurrency: int
) -> None:
    log = fit(tmp_path, trial(0, TrialState.COMPLETED, 0.5), CONFIG, concurrency)
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
