"""Hyperparameter tuning on Ray Tune that gets faster with every run.

The public names are loaded when they are first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuner.config import RunOptions, StudyConfig
    from tuner.config_reader import load
    from tuner.driver import resume, run
    from tuner.errors import TunerError
    from tuner.planner import plan
    from tuner.summary import Report
    from tuner.tracking import read_studies

__version__ = "0.1.0"

MODULES = {
    "Report": "tuner.summary",
    "RunOptions": "tuner.config",
    "StudyConfig": "tuner.config",
    "TunerError": "tuner.errors",
    "load": "tuner.config_reader",
    "plan": "tuner.planner",
    "read_studies": "tuner.tracking",
    "resume": "tuner.driver",
    "run": "tuner.driver",
}

__all__ = [
    "Report",
    "RunOptions",
    "StudyConfig",
    "TunerError",
    "load",
    "plan",
    "read_studies",
    "resume",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in MODULES:
        raise AttributeError(f"module 'tuner' has no attribute {name!r}")
    return getattr(import_module(MODULES[name]), name)
