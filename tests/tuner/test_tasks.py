from pathlib import Path

import pytest

from meta.space import Float, Int
from tests.tuner.configs import LEAST, write
from trainables.data.sources import SOURCES
from tuner import tasks
from tuner.config_reader import load
from tuner.errors import UsageError


@pytest.mark.parametrize("id", tasks.built_in())
def test_a_built_in_task_has_the_id_of_its_file(id: str) -> None:
    assert load(id).task.id == id


def test_the_twelve_tasks_are_built_in() -> None:
    assert len(tasks.mission()) == 12
    assert set(tasks.mission()) <= set(tasks.built_in())


def test_the_tree_tasks_search_the_published_space() -> None:
    space = {
        "learning_rate": Float(0.01, 0.3, log=True, default=0.1),
        "max_depth": Int(3, 10, default=6),
        "n_estimators": Int(100, 1000, default=300),
        "subsample": Float(0.5, 1.0, default=1.0),
    }
    trials = dict.fromkeys(SOURCES, 50) | {"diabetes": 30, "cpu": 30}
    for dataset, count in trials.items():
        for model in ("xgboost", "lightgbm"):
            config = load(f"{dataset}-{model}")
            assert config.space.parameters == space
            assert config.budget.trials == count
            assert (config.metric.name, config.metric.mode) == ("rmse", "min")


def test_a_task_that_is_not_there_is_told_with_the_nearest(tmp_path: Path) -> None:
    path = write(tmp_path, LEAST)
    with pytest.raises(UsageError, match=r"unknown task 'adult-xgbost'\. Did you mean adult-xgb"):
        load("adult-xgbost")
    with pytest.raises(UsageError, match=rf"no such file .* Did you mean {path}\?"):
        load(str(tmp_path / "y.yaml"))


def test_patterns_stand_for_the_built_in_tasks() -> None:
    wine = ["wine-quality-lightgbm", "wine-quality-xgboost"]
    assert tasks.expand(["wine-quality-*", "a/b.yaml", wine[1]]) == [*wine, "a/b.yaml"]
    with pytest.raises(UsageError, match=r"'mnist\*' matches no built-in task\. Known: adult-"):
        tasks.expand(["mnist*"])
