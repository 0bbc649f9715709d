"""What changed between the start of a study and its resume: its file, and the versions."""

import json
import os
import platform
import shlex
from collections.abc import Iterator
from contextlib import chdir
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tuner import __version__
from tuner.config import StudyConfig
from tuner.home import redacted
from tuner.parser import parse
from tuner.request import asked_studies

PACKAGES = (
    "ray",
    "optuna",
    "mlflow",
    "torch",
    "torchvision",
    "transformers",
    "xgboost",
    "lightgbm",
    "scikit-learn",
    "scipy",
    "numpy",
)


def versions() -> dict[str, str]:
    """The versions here of what a result depends on."""
    return {"warmtune": __version__, **{name: version(name) for name in PACKAGES}}


def machine() -> dict[str, str]:
    """What a result may depend on of this machine, for who reads it; no resume compares it."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "CPUs": str(os.cpu_count()),
    }


def version_changes(header: dict[str, Any]) -> list[str]:
    """``ray 2.60.0, was 2.59.1`` for each version that differs from those of the journal."""
    now = versions()
    was = header.get("versions", {})
    return [
        f"{name} {now[name]}, was {was[name]}"
        for name in now
        if name in was and was[name] != now[name]
    ]


def config_changes(header: dict[str, Any]) -> list[str]:
    """``budget.trials: 20, was 16`` for each key that the study's own YAML file says otherwise now.

    A file or a folder of the start that is gone changes nothing, the journal having the
    configuration; nor does a built-in task. Raises ``UsageError`` if the file cannot be read any
    more.
    """
    words = shlex.split(header["command"])[1:]
    folder = Path(header["folder"])
    path = folder.joinpath(*words[1:2])
    if not folder.is_dir() or not path.is_file():
        return []
    arguments = parse(words)
    arguments.tasks, arguments.data_dir = [str(path)], None
    with chdir(folder):  # what is relative meant this folder when the study began
        ((now, _),) = asked_studies(arguments)
    old, new = _flat(StudyConfig.from_json(header["config"])), _flat(now)
    return [
        f"{key}: {new.get(key, 'missing')}, was {old.get(key, 'missing')}"
        for key in {**old, **new}
        if old.get(key, ...) != new.get(key, ...)
    ]


def _flat(config: StudyConfig) -> dict[str, object]:
    """The configuration by dotted keys."""
    return dict(_leaves(json.loads(json.dumps(redacted(config.to_json())))))


def _leaves(value: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from _leaves(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", inner
