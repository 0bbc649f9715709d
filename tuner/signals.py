"""Ctrl-C and SIGTERM: the first asks the study to stop, the second stops it at once."""

import os
import signal
from types import FrameType, TracebackType


class Signals:
    """Turns the first Ctrl-C or SIGTERM into a wish to stop, and the second into a stop at once."""

    def __init__(self) -> None:
        self.received: int | None = None

    def __enter__(self) -> "Signals":
        """Take over both signals; only possible in the main thread."""
        self._before = {n: signal.signal(n, self._handle) for n in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            os._exit(128 + number)
        self.received = number
