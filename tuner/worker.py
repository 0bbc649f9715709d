"""Runs trials inside Ray's processes, many in one actor, one after the other.

The last batch of a trial carries its end and ``done``: a trial that raises, diverges or reports
nothing is a result like any other, and its actor stays in use.
"""

import os
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy
import ray
import ray.tune

from meta.space import Config
from trainables.base import Trainable
from tuner import admission, nvml
from tuner.context import Batch, FinalPart, TrialContext, TrialSetting
from tuner.gauge import Gauge
from tuner.training import run_training
from tuner.usage import Usage

FINAL_FIT = "final"


@lru_cache(maxsize=1)
def _fetch(data: "ray.ObjectRef[Any]") -> object:
    """The shared data, read once per actor: trainables cache matrices by this object."""
    return ray.get(data)


def _send(batch: Batch) -> None:
    """Hand a batch to the driver; ends this thread if the driver stops the trial."""
    ray.tune.report({**batch, "done": batch["ended"] is not None})


_before: list[TrialContext] = []
"""The last trial of this process: when the next one begins, the driver knows how it ended."""


def _take_over(trial: TrialContext) -> None:
    if _before and _before[-1].trial != trial.trial:
        _before.pop().leave()
    _before[:] = [trial]


def _prepare(setting: TrialSetting, seed: int) -> None:
    if setting.code and str(setting.code) not in sys.path:
        sys.path.insert(0, str(setting.code))
    os.environ["OMP_NUM_THREADS"] = str(setting.threads)
    random.seed(seed)
    numpy.random.seed(seed)


def _gauge(setting: TrialSetting, gpu: float) -> Gauge:
    """Measures this process, and the GPU that Ray gave it."""
    if not gpu:
        return Gauge(setting.threads)
    here = ray.get_runtime_context()
    node = here.get_node_id()[:8]
    gpus = tuple(f"{node}:{id}" for id in here.get_accelerator_ids()["GPU"])
    return Gauge(setting.threads, gpu, gpus, nvml.device())


def run_trial(setting: TrialSetting, data: "ray.ObjectRef[Any]", config: dict[str, Any]) -> None:
    """Run the trial that ``tuner.search`` handed out as ``config``."""
    admission.leave_if_broken()
    _prepare(setting, config["seed"])
    gpu = config["gpu"]

    def admit(trainable: Trainable) -> None:
        if gpu and trainable.peak_bytes:
            device = nvml.device()
            admission.wait_until_free(config["needed_bytes"], device)
            admission.limit(gpu, config["usable_bytes"], device)

    with _gauge(setting, gpu) as gauge, admission.released():
        trial = TrialContext(
            setting, config["trial"], config["seed"], _fetch(data), _send, gauge=gauge
        )
        new = not _before
        _take_over(trial)
        if gpu or new:
            trial.open()
        run_training(setting, trial, config["params"], admit)


@dataclass(frozen=True)
class Fitted:
    """What a final training reported, and the files of its model by name (none was kept: empty).

    Files travel by Ray, so that a worker elsewhere needs no disk of the driver's.
    """

    batches: list[Batch]
    model: dict[str, bytes]


def run_final_fit(
    setting: TrialSetting,
    data: object,
    held_out: object,
    config: Config,
    seed: int,
    gpu: float,
    keep: bool,
) -> Iterator[Usage | Fitted]:
    """Train once more for the test; Ray resolves ``data`` and ``held_out``.

    Gives at once what the training holds, which tells that it has begun, and at last what it came
    to.
    """
    _prepare(setting, seed)
    batches: list[Batch] = []
    with TemporaryDirectory(prefix="warmtune-") as scratch:
        folder = Path(scratch) / "model"
        final = FinalPart(held_out, folder if keep else None)
        with _gauge(setting, gpu) as gauge, admission.released():
            yield gauge.take()
            trial = TrialContext(
                setting, f"{FINAL_FIT}-{seed}", seed, data, batches.append, final, gauge
            )
            run_training(setting, trial, config)
        files = [path for path in folder.rglob("*") if path.is_file()]
        model = {str(path.relative_to(folder)): path.read_bytes() for path in files}
    yield Fitted(batches, model)
