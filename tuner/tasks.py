"""The built-in tasks: one configuration file each, found by id or pattern."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from tuner.errors import UsageError
from tuner.suggest import did_you_mean

CONFIGS = Path(__file__).parent.parent / "configs"


DATASETS = {
    ("cifar10", "cifar100"): ("resnet50", "efficientnet-b0"),
    ("imdb", "ag-news"): ("bert-base", "distilbert"),
    ("adult", "wine-quality"): ("xgboost", "lightgbm"),
}
"""The data sets and models of the twelve tasks that ``--all`` stands for."""


def mission() -> list[str]:
    """The twelve tasks of ``--all`` by id."""
    return [
        f"{dataset}-{model}"
        for datasets, models in DATASETS.items()
        for dataset in datasets
        for model in models
    ]


def built_in() -> dict[str, Path]:
    """The configuration files by task id, e.g. ``wine-quality-xgboost``."""
    return {path.stem: path for path in sorted(CONFIGS.glob("*.yaml"))}


def expand(sources: Sequence[str]) -> list[str]:
    """Replace patterns such as ``wine-quality-*`` by the ids they match; each task once.

    Raises ``UsageError`` naming the pattern that matches none.
    """
    expanded: list[str] = []
    for source in sources:
        matches = [source]
        if any(character in source for character in "*?["):
            matches = [id for id in built_in() if fnmatchcase(id, source)]
        if not matches:
            known = ", ".join(built_in())
            raise UsageError(f"{source!r} matches no built-in task. Known: {known}.")
        expanded += matches
    return list(dict.fromkeys(expanded))


def find(source: str) -> Path:
    """The file of a built-in task, or the path ``source``; raises ``UsageError``."""
    path = Path(source)
    if file := built_in().get(source):
        return file
    if path.exists():
        return path
    if path.suffix in {".yaml", ".yml"}:
        siblings = [str(file) for file in path.parent.glob("*.y*ml")]
        other = did_you_mean(source, siblings) if siblings else "Name a YAML file or a task."
        raise UsageError(f"no such file {source!r}. {other}")
    raise UsageError(f"unknown task {source!r}. {did_you_mean(source, built_in())}")
