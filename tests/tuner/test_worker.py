"""What a worker process does between two trials; the rest is seen on a real Ray."""

from pathlib import Path
from typing import Any

import pytest

from tests.tuner.studies import METRIC
from tuner import worker
from tuner.context import TrialContext, TrialSetting


def config(trial: int) -> dict[str, Any]:
    return {"trial": trial, "seed": 0, "params": {}, "gpu": 0}


def test_the_next_trial_clears_away_the_checkpoint_of_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of one that the driver stopped, and on a disk that the driver does not reach."""

    def train(setting: TrialSetting, trial: TrialContext, *_: object) -> None:
        trial.save(lambda folder: None)
        raise SystemExit

    monkeypatch.setattr(worker, "run_training", train)
    monkeypatch.setattr(worker, "_fetch", lambda data: None)
    monkeypatch.setattr(worker, "_send", lambda batch: None)
    setting = TrialSetting("toy", "curve", METRIC, 4, (), tmp_path)
    left = []
    for trial in (0, 0, 1, 2):
        with pytest.raises(SystemExit):
            worker.run_trial(setting, None, config(trial))  # type: ignore[arg-type]
        left.append([path.name for path in tmp_path.iterdir()])
    assert left == [["0"], ["0"], ["1"], ["2"]]
