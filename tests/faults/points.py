"""Faults on demand: a call that fails the n-th time, before or after it took effect."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass
class FaultPoint:
    """Counts the calls that pass through it; the ``n``-th one fails, and so do all after it.

    ``once`` lets those after it succeed; ``late`` lets the call take effect before it fails.
    """

    n: int
    fail: Callable[[], object]
    once: bool = False
    late: bool = False
    calls: int = 0

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with this point before or behind it."""

        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            failing = self.calls == self.n or (self.calls > self.n and not self.once)
            if failing and not self.late:
                self.fail()
            answer = function(*args, **kwargs)
            if failing:
                self.fail()
            return answer

        return call


def raising(error: BaseException) -> Callable[[], object]:
    """What raises ``error``."""

    def fail() -> object:
        raise error

    return fail


class Connection:
    """A SQLite connection whose inserts and commits pass a fault point."""

    def __init__(self, connection: Any, insert: FaultPoint, commit: FaultPoint) -> None:
        self._connection = connection
        self.executemany = insert.wrap(connection.executemany)
        self._commit = commit.wrap(connection.commit)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def __enter__(self) -> None:
        self._connection.__enter__()

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            if kind is None:
                self._commit()
        finally:
            self._connection.rollback()
