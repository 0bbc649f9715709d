"""Runs trials inside Ray's processes, many in one actor, one after the other.

The last batch of a trial carries its end and ``done``: a trial that raises, diverges or reports
nothing is a result like any other, and its actor stays in use.
"""

import os
import random
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
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


@dataclass(frozen=True)
class Fitted:
    """What a final training reported, and the files of its model by name (none was kept: empty).

    Files travel by Ray, so that a worker elsewhere needs no disk of the driver's.
    """

    batches: list[Batch]
    model: dict[str, bytes]


def run_final_fit(
    setting: TrialSetting, data: object, held_out: object, config: Config, seed: int, keep: bool
) -> Fitted:
    """Train once more for the test; Ray resolves ``data`` and ``held_out``."""
    _prepare(setting, seed)
    batches: list[Batch] = []
    with TemporaryDirectory(prefix="warmtune-") as scratch:
        folder = Path(scratch) / "model"
        final = FinalPart(held_out, folder if keep else None)
        trial = TrialContext(setting, f"{FINAL_FIT}-{seed}", seed, data, batches.append, final)
        context.run(setting, trial, config)
        files = [path for path in folder.rglob("*") if path.is_file()]
        model = {str(path.relative_to(folder)): path.read_bytes() for path in files}
    return Fitted(batches, model)
