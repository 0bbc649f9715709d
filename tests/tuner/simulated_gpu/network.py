"""A trainable whose prediction of its memory is right or too low.

The first trainings wait for each other, so that two are on the GPU at once.
"""

import time
from typing import Any

import pynvml

GB = 10**9
PREDICTED = {"right": 6 * GB, "too low": 5 * GB}
USED = {"right": 6 * GB, "too low": 9 * GB}
LONGEST_WAIT_SECONDS = 90

if hasattr(pynvml, "TOTAL_BYTES"):  # the simulated one: this is a worker
    from allocator import Allocator

    allocator = Allocator()
    allocator.install()


def peak_bytes(config: Any, dataset: str, model: str) -> int:
    return PREDICTED[config["memory"]]


def train(config: Any, context: Any) -> None:
    held = allocator.allocate(USED[config["memory"]])
    try:
        _wait_for_another()
        for step in range(1, context.max_steps + 1):
            time.sleep(0.1)
            context.report(step, config["x"])
    finally:
        allocator.free(held)


def _wait_for_another() -> None:
    until = time.monotonic() + LONGEST_WAIT_SECONDS
    while len(log().split()) < 2 and time.monotonic() < until:
        time.sleep(0.1)


def log() -> str:
    return (pynvml.folder() / "log").read_text()
