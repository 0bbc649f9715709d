"""What several processes train together on one GPU in the same seconds (``benchmarks.network``)."""

import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.network_cases import BATCH, Case, Marks, shrunk
from tuner.mps import FOLDERS

ROWS, VALIDATION = 512, 110
"""Samples of an epoch, in the proportion of the real tasks: epochs must be short in a window."""

MANY_EPOCHS = 1_000_000
PATIENCE_SECONDS = 120
STOP, DONE = "stop", "done"
NOWHERE = "/nonexistent"
"""A folder for MPS in which none runs: the process takes turns with the others instead."""

Window = list[float]


class Stopped(Exception):
    """The training has shown enough."""


@dataclass
class Windows(Marks):
    """Trains when it is told to, until the time it is told, and says when its epochs ended."""

    pipe: Any = None
    until: float = 0.0
    seen: list[float] = field(default_factory=list)

    def report(self, step: int, *_: Any) -> None:
        """Note the time; between two windows, wait for the next. Raises ``Stopped`` at the end."""
        self.seen.append(time.monotonic())
        if self.seen[-1] < self.until:
            return
        self.pipe.send(self.seen)
        told = self.pipe.recv()
        if told == STOP:
            raise Stopped
        self.until, self.seen = told, [time.monotonic()]


def serve(pipe: Connection, device: str, dry: bool, mps: bool) -> None:
    """What each process does: train one case after the other, as the other end of ``pipe`` asks."""
    if not mps:
        os.environ.update(dict.fromkeys(FOLDERS, NOWHERE))
    with suppress(EOFError):  # nobody is left to ask
        while True:
            asked = pipe.recv()
            if asked != STOP:
                _train(asked, pipe, device, dry)
            pipe.send(DONE)


def _train(asked: Case, pipe: Connection, device: str, dry: bool) -> None:
    case = shrunk(asked) if dry else asked
    rows, validation = (BATCH, BATCH) if dry else (ROWS, VALIDATION)
    try:
        data = case.data(rows, validation)
        case.train(Windows(case.model, data, device, MANY_EPOCHS, pipe=pipe))
    except Stopped:
        return
    except Exception as error:  # whatever it is, it is what was found out
        pipe.send(error)
        while pipe.recv() != STOP:
            pipe.send(error)


@dataclass
class Crowd:
    """The processes, of which the first ``k`` train when ``k`` are asked for."""

    pipes: list[Connection]

    @contextmanager
    def training(self, case: Case) -> Iterator[None]:
        """The case set up in all processes, and its first epoch done, while the block runs."""
        for pipe in self.pipes:
            pipe.send(case)
        try:
            for pipe in self.pipes:
                _heard(pipe)
            yield
        finally:
            for pipe in self.pipes:
                pipe.send(STOP)
            for pipe in self.pipes:
                while pipe.poll(PATIENCE_SECONDS) and pipe.recv() != DONE:
                    pass

    def rate(self, count: int, seconds: float, rows: int) -> float:
        """Samples a second of ``count`` processes together."""
        until = time.monotonic() + seconds
        for pipe in self.pipes[:count]:
            pipe.send(until)
        windows = [_heard(pipe) for pipe in self.pipes[:count]]
        return sum(_speed(window, until) for window in windows) * rows


def _speed(window: Window, until: float) -> float:
    """Epochs a second while all trained; the last epoch may have had the GPU for itself."""
    inside = [mark for mark in window if mark <= until]
    marks = inside if len(inside) > 1 else window
    return (len(marks) - 1) / (marks[-1] - marks[0])


def _heard(pipe: Connection) -> Any:
    if not pipe.poll(PATIENCE_SECONDS):
        raise TimeoutError(f"a process said nothing for {PATIENCE_SECONDS} s")
    answer = pipe.recv()
    if isinstance(answer, Exception):
        raise answer
    return answer


@contextmanager
def crowd(count: int, device: str, dry: bool, mps: bool) -> Iterator[Crowd]:
    """``count`` processes, using MPS or taking turns, while the block runs."""
    context = multiprocessing.get_context("spawn")
    ends = [context.Pipe() for _ in range(count)]
    processes = [
        context.Process(target=serve, args=(theirs, device, dry, mps), daemon=True)
        for _, theirs in ends
    ]
    for process in processes:
        process.start()
    try:
        yield Crowd([mine for mine, _ in ends])
    finally:
        for process in processes:
            process.terminate()


def order(settings: Sequence[Any]) -> list[Any]:
    """One warm-up each, then in turns: A B C, A B C, A."""
    return [*settings, *settings, *settings, settings[0]]
