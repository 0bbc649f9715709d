"""A toy whose trials meet a fault by their ``x``, and that leaves a trace of every step begun.

It is copied beside a study and trained there as code of the user's. ``model`` is ``faulty``, or
``sound`` for the same trials without any fault; the trace has a line for each step: ``x`` and step.
"""

import math
import os
import resource
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from trainables.base import Config, Context, Data, DataRequest

SLOTS = 24
FAULTS = (
    *("kill", "kill_once", "exit", "raise", "silent", "hang", "memory", "inf", "out_of_range"),
    *("nan", "nan", "nan"),
)
AT = 2
TRACE = "steps"
LITTLE_BYTES = 1 << 26


def fault_of(config: Config) -> str:
    """What goes wrong in a trial, ``ok`` for nothing: half of them, by chance."""
    slot = int(float(config["x"]) * 1e6) % SLOTS
    return FAULTS[slot] if slot < len(FAULTS) else "ok"


def load(request: DataRequest) -> Data:
    """The trials get the folder of the trace, which is the study's ``--data-dir``."""
    return Data(str(request.directory), "traced", {}, {})


def train(config: Config, context: Context) -> None:
    """Report a falling curve of ``x`` and ``y``, with the fault at step ``AT``."""
    fault = fault_of(config) if context.model == "faulty" else "ok"
    if fault == "silent":
        return
    kept = context.restore()
    done = int((kept / "step").read_text()) if kept else 0
    for step in range(done + 1, context.max_steps + 1):
        with Path(context.data, TRACE).open("a") as trace:
            trace.write(f"{config['x']} {step}\n")
        value = _value(config, step)
        if step == AT and not (fault == "kill_once" and kept):
            value = _meet(fault, value)
        context.report(step, value)
        context.save(partial(_keep, step))


def _keep(step: int, folder: Path) -> None:
    (folder / "step").write_text(str(step))


def _value(config: Config, step: int) -> float:
    return (float(config["x"]) - 0.3) ** 2 + (float(config["y"]) - 0.7) ** 2 + math.exp(-step / 2)


def _meet(fault: str, value: float) -> Any:
    match fault:
        case "kill" | "kill_once":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os._exit(0)
        case "raise":
            raise RuntimeError("the toy was told to raise")
        case "hang":
            time.sleep(1e6)
        case "memory":
            _exhaust()
    return {"nan": math.nan, "inf": math.inf, "out_of_range": 37.0}.get(fault, value)


def _exhaust() -> None:
    """Ask for more memory than the process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + LITTLE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    try:
        np.ones(4 * LITTLE_BYTES)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
