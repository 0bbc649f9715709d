"""A task to import for, and the short way of doing so."""

from pathlib import Path
from typing import Any

from meta.space import Categorical, Float, Int, SearchSpace
from meta.study import Metric, Task, Trial
from tuner.config import Budget, StudyConfig
from tuner.importers.adoption import Adopted, adopt
from tuner.importers.foreign import Found
from tuner.importers.mapping import correspond, read_wishes

SPACE = SearchSpace(
    {
        "learning_rate": Float(0.001, 1.0, log=True, default=0.1),
        "max_depth": Int(1, 10, default=6),
        "kind": Categorical(("a", "b", True, 2), default="a"),
        "subsample": Float(0.5, 1.0, default=1.0),
    }
)
CONFIG = StudyConfig(
    Task("wine", "trees"),
    "toy",
    Metric("rmse", "min", 0.0, 100.0),
    SPACE,
    budget=Budget(max_steps=10),
)
YAML = """version: 1
task: {dataset: wine, model: trees, trainable: toy}
metric: {name: rmse, mode: min, low: 0, high: 100}
space:
  learning_rate: {float: [0.001, 1.0], log: true, default: 0.1}
  max_depth: {int: [1, 10], default: 6}
  kind: {categorical: [a, b, true, 2], default: a}
  subsample: {float: [0.5, 1.0], default: 1.0}
budget: {max_steps: 10}
"""


def write_task(folder: Path) -> str:
    path = folder / "task.yaml"
    path.write_text(YAML)
    return str(path)


def adopted(
    found: Found, *maps: str, metric: str | None = None, mode: str | None = None
) -> Adopted:
    """The first study, adopted by the task above."""
    (study, *_) = found.studies
    wishes = read_wishes(maps, metric, mode, SPACE)
    return adopt(study, correspond(study, wishes, SPACE, CONFIG.metric), CONFIG, None)


def trials(item: Adopted) -> dict[int, Trial]:
    assert item.study is not None
    return {trial.id: trial for trial in item.study.trials}


def brief(item: Adopted) -> dict[int, tuple[Any, ...]]:
    """State, value and step of each trial."""
    return {id: (str(t.state), t.value, t.step) for id, t in trials(item).items()}
