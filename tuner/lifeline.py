"""Says when the Ray under a study is gone: Ray would end this process without a word."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from tuner.errors import EnvironmentFault
from tuner.rundir import write_status
from tuner.terminal import complain

CHECK_SECONDS = 1.0
CHECKS = 3
"""At least so many in a row must fail."""
NODE_SECONDS = 3.0
"""The raylet of this machine does not come back; Ray leaves after some 15 seconds."""
HEAD_SECONDS = 45.0
"""A head may come back, and Ray leaves when it has waited for 60 seconds."""

Address = tuple[str, int]


@contextmanager
def watched(directory: Path, node: Address, head: Address) -> Iterator[None]:
    """Inside, the process ends with the code of ``EnvironmentFault`` when Ray is gone.

    That is when nothing listens any more at ``node``, the raylet of this machine, or at ``head``.
    The journal in ``directory`` is complete at any time, so nothing that was acknowledged is lost.
    """
    over = Event()
    patience = {node: NODE_SECONDS, head: HEAD_SECONDS}
    thread = Thread(target=_watch, args=(directory, patience, over), name="lifeline", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _watch(directory: Path, patience: dict[Address, float], over: Event) -> None:
    heard = dict.fromkeys(patience, time.monotonic())
    missed = dict.fromkeys(patience, 0)
    while not over.wait(CHECK_SECONDS):
        for address, seconds in patience.items():
            if _listens(address):
                heard[address], missed[address] = time.monotonic(), 0
                continue
            missed[address] += 1  # time alone may have passed on a machine that is too busy
            is_long = time.monotonic() - heard[address] >= seconds
            if is_long and missed[address] >= CHECKS and not over.is_set():
                _leave(directory, address)


def _leave(directory: Path, address: Address) -> None:
    why = (
        f"{directory}: Ray is gone (nothing answers at {address[0]}:{address[1]})."
        f" Start it again if it is not this program's, then `tuner resume {directory}`."
    )
    complain([why])
    code = EnvironmentFault.exit_code
    with suppress(EnvironmentFault):
        write_status(directory, state="ended", exit_code=code, error=why)
    os._exit(code)


def _listens(address: Address) -> bool:
    try:
        socket.create_connection(address, CHECK_SECONDS).close()
    except OSError:
        return False
    return True
