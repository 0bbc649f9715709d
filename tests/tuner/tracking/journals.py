"""Journals to project: a study in which everything happens that can."""

from pathlib import Path

from meta.space import Categorical, Float, Int, SearchSpace
from meta.study import Measurement, Metric, Study, Task, TrialState
from tuner.events import Ended, Event, FinalFit, Finished, Measured, Started
from tuner.journal import Journal

SPACE = SearchSpace(
    {"rate": Float(0.01, 1.0, log=True), "rounds": Int(1, 100), "kind": Categorical(("a", True))}
)
HEADER = {
    "config": {
        "task": {"dataset": "wine", "model": "trees"},
        "budget": {"trials": 5, "time_seconds": None},
        "tracking": {"uri": "http://ann:secret@host:1", "experiment": "warmtune"},
        "seed": 3,
    },
    "data_dir": None,
    "past": {"points": [{"config": {"rate": 0.1}, "reason": "default", "sources": []}]},
    "versions": {"ray": "2.60.0"},
}


def study(id: str = "s1", mode: str = "min") -> Study:
    return Study(
        id,
        Task("wine", "trees"),
        SPACE,
        Metric("rmse", mode, low=0.0),
        3,
        "warm",
        features={"rows": 1e4, "skew": 1 / 3},
        fingerprint="f00d",
    )


def trial_events(trial: int, *values: float, end: Ended | None = None) -> list[Event]:
    config = {"rate": 0.1 + trial / 7, "rounds": 10 * (trial + 1), "kind": True}
    reports = [
        Measured(trial, Measurement(step, value, step / 3, {"mae": value / 3}, {"rounds": step}))
        for step, value in enumerate(values, 1)
    ]
    end = end or Ended(trial, TrialState.COMPLETED, seconds=len(values) / 3)
    return [Started(trial, config, "tpe", 7**trial), *reports, end]


def eventful() -> list[Event]:
    """Five trials, each of which ends in another way; the last one runs."""
    nasty = 'ValueError: no\nsuch "thing"\0 <script>alert(1)</script> ü'
    return [
        *trial_events(0, 0.9, 0.5),
        *trial_events(1, 0.8, end=Ended(1, TrialState.STOPPED, "stopped at step 1", 0.3)),
        *trial_events(2, end=Ended(2, TrialState.DIVERGED, "rmse is nan", 0.1)),
        *trial_events(3, 0.7, end=Ended(3, TrialState.FAILED, nasty, 0.2)),
        *trial_events(4, 0.6, 0.4)[:-1],
    ]


def ending() -> list[Event]:
    return [
        Ended(4, TrialState.COMPLETED, seconds=2 / 3),
        Finished("5 trials done"),
        FinalFit({"rate": 0.5, "rounds": 2, "kind": True}, 0.45, {"mae": 0.2}, 1.0),
    ]


def write_journal(directory: Path, events: list[Event], id: str = "s1") -> Journal:
    directory.mkdir(parents=True, exist_ok=True)
    journal = Journal.create(directory, study(id), HEADER)
    for event in events:
        journal.append(event)
    return journal
