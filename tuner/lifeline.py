"""Says when the Ray under a study is gone: Ray would end this process without a word."""

import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from types import TracebackType

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


class Lifeline:
    """Inside ``with``, ends the process with the code of ``EnvironmentFault`` when Ray is gone.

    That is when nothing listens any more at ``node``, the raylet of this machine, or at ``head``.
    The journal is complete at any time, so nothing that was acknowledged is lost.
    """

    def __init__(self, directory: Path, node: Address, head: Address) -> None:
        self._directory = directory
        self._patience = {node: NODE_SECONDS, head: HEAD_SECONDS}
        self._over = Event()
        self._thread = Thread(target=self._watch, name="lifeline", daemon=True)

    def __enter__(self) -> "Lifeline":
        """Begin to watch, in the background."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Watch no longer: from here on Ray may go."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        heard = dict.fromkeys(self._patience, time.monotonic())
        missed = dict.fromkeys(self._patience, 0)
        while not self._over.wait(CHECK_SECONDS):
            for address, patience in self._patience.items():
                if _listens(address):
                    heard[address], missed[address] = time.monotonic(), 0
                    continue
                missed[address] += 1  # time alone may have passed on a machine that is too busy
                is_long = time.monotonic() - heard[address] >= patience
                if is_long and missed[address] >= CHECKS and not self._over.is_set():
                    self._leave(address)

    def _leave(self, address: Address) -> None:
        why = (
            f"{self._directory}: Ray is gone (nothing answers at {address[0]}:{address[1]})."
            f" Start it again if it is not this program's, then `tuner resume {self._directory}`."
        )
        complain([why])
        code = EnvironmentFault.exit_code
        with suppress(EnvironmentFault):
            write_status(self._directory, state="ended", exit_code=code, error=why)
        os._exit(code)


def _listens(address: Address) -> bool:
    try:
        socket.create_connection(address, CHECK_SECONDS).close()
    except OSError:
        return False
    return True
