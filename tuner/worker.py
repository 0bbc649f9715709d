"""Runs trials inside Ray's processes, many in one actor, one after the other.

The last batch of a trial carries its end and ``done``: a trial that raises, diverges or reports
nothing is a result like any other, and its actor stays in use.
"""

import os
import random
import sys
from functools import lru_cache
from typing import Any

import numpy
import ray
import ray.tune

from meta.space import Config
from tuner import context
from tuner.context import Batch, FinalPart, TrialContext, TrialSetting

FINAL_FIT = "final"


@lru_cache(maxsize=1)
def _fetch(data: "ray.ObjectRef[Any]") -> object:
    """The shared data, read once per actor: trainables cache matrices by this object."""
    return ray.get(data)


def _send(batch: Batch) -> None:
    """Hand a batch to the driver; ends this thread if the driver stops the trial."""
    ray.tune.report({**batch, "done": batch["ended"] is not None})


def _prepare(setting: TrialSetting, seed: int) -> None:
    if setting.code and str(setting.code) not in sys.path:
        sys.path.insert(0, str(setting.code))
    os.environ["OMP_NUM_THREADS"] = str(setting.threads)
    random.seed(seed)
    numpy.random.seed(seed)


def run_trial(setting: TrialSetting, data: "ray.ObjectRef[Any]", config: dict[str, Any]) -> None:
    """Run the trial that ``tuner.search`` handed out as ``config``."""
    _prepare(setting, config["seed"])
    trial = TrialContext(setting, config["trial"], config["seed"], _fetch(data), _send)
    context.run(setting, trial, config["params"])


def run_final_fit(
    setting: TrialSetting, data: object, held_out: object, config: Config, seed: int
) -> list[Batch]:
    """Train once more for the test, and return all that was reported.

    Ray resolves ``data`` and ``held_out``.
    """
    _prepare(setting, seed)
    batches: list[Batch] = []
    trial = TrialContext(setting, FINAL_FIT, seed, data, batches.append, FinalPart(held_out))
    context.run(setting, trial, config)
    return batches
