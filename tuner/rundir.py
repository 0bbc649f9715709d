"""The directory of a run: named after its task, owned by one process at a time."""

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from tuner.errors import EnvironmentFault, RunDirectoryError
from tuner.home import home

LOCK_FILE = "lock.json"
STATUS_FILE = "status.json"
MODEL_FOLDER = "model"
"""The model of the best configuration, as its trainable keeps it, and its card."""
CARD_FILE = "README.md"


def new_directory(name: str, out: Path | None, among: str = "runs") -> Path:
    """Make the directory of a new run: ``out``, or one with the name and time under the home.

    Raises ``EnvironmentFault`` if it cannot be made, ``RunDirectoryError`` if it holds a run.
    """
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    path = (out or home() / among / f"{name}-{stamp}").absolute()
    try:
        while out is None and path.exists():
            path = path.with_name(f"{name}-{stamp}-{os.urandom(2).hex()}")
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK):
            raise PermissionError(13, "not writable")
        occupied = any(path.iterdir())
    except OSError as error:
        reason = error.strerror
        raise EnvironmentFault(f"--out {path}: {reason}. Use --out with another folder.") from None
    if occupied:
        raise RunDirectoryError(
            f"--out {path}: not empty. Go on with `tuner resume {path}`, or use another folder."
        )
    return path


@contextmanager
def kept_if_used(directory: Path) -> Iterator[Path]:
    """Take a new directory away again if nothing came into it."""
    try:
        yield directory
    finally:
        with suppress(OSError):  # it holds something
            directory.rmdir()


def model_bytes(directory: Path) -> int:
    """The size of the final model in a run directory; 0 without one."""
    files = (directory / MODEL_FOLDER).rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


class RunLock:
    """Exclusive use of a run directory, given up by the system when the process dies."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / LOCK_FILE

    def __enter__(self) -> "RunLock":
        """Take the lock; raises ``RunDirectoryError`` naming the owner if somebody has it."""
        try:
            self._file = self._path.open("a+")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = _owner(self._path.read_text())
            self._file.close()
            raise RunDirectoryError(
                f"{self._path.parent}: in use by {owner}. Wait for it, or use --out with another"
                " folder."
            ) from None
        except OSError as error:
            raise _unwritable(self._path.parent, error) from None
        self._file.truncate(0)
        since = time.strftime("%Y-%m-%d %H:%M")
        us = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
        self._file.write(json.dumps(us))
        self._file.flush()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the lock up; the file stays, since removing it would race with the next owner."""
        self._file.close()


def _owner(text: str) -> str:
    try:
        owner = json.loads(text)
        return f"pid {owner['pid']} on host {owner['host']} since {owner['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"


def write_status(directory: Path, **status: Any) -> None:
    """Say in a small file how the run stands; ``ray job submit`` loses the exit code.

    Raises ``EnvironmentFault`` if the directory cannot be written.
    """
    temporary = directory / f"{STATUS_FILE}.new"
    try:
        temporary.write_text(json.dumps(status, indent=2) + "\n")
        temporary.replace(directory / STATUS_FILE)
    except OSError as error:
        raise _unwritable(directory, error) from None


def _unwritable(directory: Path, error: OSError) -> EnvironmentFault:
    return EnvironmentFault(
        f"{directory}: cannot be written ({error.strerror}). Free space or mend the directory, then"
        f" `tuner resume {directory}`."
    )


def runs() -> list[Path]:
    """The run directories under the home, newest first."""
    return sorted((home() / "runs").glob("*/"), key=lambda path: path.stat().st_mtime, reverse=True)
