"""Closed-form learning curves that end in milliseconds: for tests, docs and fault injection.

The value falls with the steps to the height of a bowl, lowest at x = 0.3 and y = 0.7:

    value(step) = (x - 0.3)² + (y - 0.7)² + exp(-step / 2)

Each step is kept as a checkpoint, and a trial that finds one goes on from it; the model that the
final training keeps is the point. ``step_seconds``
makes it slow. ``mode`` (default ``ok``) names what goes wrong at step ``at`` (default 2):

    ok            nothing                       text          reports a word for a number
    nan, inf      reports that value            out_of_range  reports -1
    raise         raises RuntimeError           oom           raises MemoryError
    silent        returns before any report     hang          sleeps for ever
    exit          the process ends with 0       kill          the process is killed (SIGKILL)
    kill_once     as kill, but not in a trial that went on from a checkpoint
"""

import json
import math
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from trainables.base import EXAMPLE_FILE, Config, Context, Data, DataRequest

CHECKPOINT = "step.json"
MODEL = "toy.json"


def load(request: DataRequest) -> Data:
    """Nothing to load; the name of the data set is its fingerprint."""
    return Data(None, f"toy-{request.dataset}", {}, {})


def train(config: Config, context: Context) -> None:
    """Report the curve of ``x`` and ``y``, with the fault of ``mode``."""
    mode, at = str(config.get("mode", "ok")), int(config.get("at", 2))
    if mode == "silent":
        return
    done = _restore(context)
    if mode == "kill_once":
        mode = "ok" if done else "kill"
    for step in range(done + 1, context.max_steps + 1):
        time.sleep(float(config.get("step_seconds", 0)))
        faulty = step == at and mode != "ok"
        context.report(step, FAULTS[mode]() if faulty else _value(config, step))
        context.save(partial(_keep, step))
    if context.final:
        context.keep(partial(_keep_model, config))


def _value(config: Config, step: int) -> float:
    x, y = float(config.get("x", 0.3)), float(config.get("y", 0.7))
    return (x - 0.3) ** 2 + (y - 0.7) ** 2 + math.exp(-step / 2)


def predictor(folder: Path) -> Callable[[Any], NDArray[np.float64]]:
    """The kept model: how far (n, 2) points lie from its own, squared."""
    own = np.asarray(json.loads((folder / MODEL).read_text()))

    def predict(points: Any) -> NDArray[np.float64]:
        distances: NDArray[np.float64] = ((np.asarray(points, float) - own) ** 2).sum(axis=1)
        return distances

    return predict


def _keep_model(config: Config, folder: Path) -> None:
    (folder / MODEL).write_text(json.dumps([config.get("x", 0.3), config.get("y", 0.7)]))
    example = {"columns": ["x", "y"], "data": [[0.3, 0.7], [0.0, 1.0]]}
    (folder / EXAMPLE_FILE).write_text(json.dumps(example))


def _keep(step: int, folder: Path) -> None:
    (folder / CHECKPOINT).write_text(json.dumps(step))


def _restore(context: Context) -> int:
    folder = context.restore()
    return int(json.loads((folder / CHECKPOINT).read_text())) if folder else 0


def _raise() -> NoReturn:
    raise RuntimeError("the toy was told to raise")


def _run_out_of_memory() -> NoReturn:
    raise MemoryError


def _hang() -> NoReturn:
    while True:
        time.sleep(3600)


def _exit() -> NoReturn:
    os._exit(0)


def _kill() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    _hang()


FAULTS: dict[str, Callable[[], float]] = {
    "nan": lambda: math.nan,
    "inf": lambda: math.inf,
    "out_of_range": lambda: -1.0,
    "text": lambda: "a word",  # type: ignore[dict-item, return-value]
    "raise": _raise,
    "oom": _run_out_of_memory,
    "hang": _hang,
    "exit": _exit,
    "kill": _kill,
}
