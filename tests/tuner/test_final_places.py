"""How many final fits train at once, with a stand-in for Ray."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from meta.study import Task, TrialState
from tests.tuner.studies import METRIC, SPACE, journal, trial
from tuner import finalize
from tuner.config import StudyConfig
from tuner.context import TrialSetting
from tuner.finalize import FinalFits
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

    def put(self, value: object) -> object:
        return value

    def remote(self, function: object) -> Any:
        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=self.start))

    def start(self, *_: object) -> object:
        task = object()
        self.running.add(task)
        self.most = max(self.most, len(self.running))
        return task

    def wait(self, tasks: list[object], timeout: float) -> tuple[list[object], list[object]]:
        return tasks[:1], tasks[1:]

    def get(self, task: object) -> Fitted:
        self.running.remove(task)
        return Fitted([BATCH], {})


@pytest.mark.parametrize("concurrency", [1, 2])
def test_no_more_final_fits_train_at_once_than_trials_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, concurrency: int
) -> None:
    ray = Ray()
    monkeypatch.setattr(finalize, "ray", ray)
    best = trial(0, TrialState.COMPLETED, 0.5)
    log = journal(tmp_path, best)
    session: Any = SimpleNamespace(
        journal=log,
        config=CONFIG,
        allotment=Allotment(1.0, 0.0, concurrency),
        setting=TrialSetting("toy", "curve", METRIC, 4, (1,), tmp_path),
        data=None,
        heed_signals=lambda: None,
    )
    FinalFits(session, best, "test part").run([0, 5, 7])
    assert ray.most == concurrency
    assert [fit.seed for fit in log.final_fits] == [0, 5, 7]
