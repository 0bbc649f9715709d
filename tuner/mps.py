"""NVIDIA's Multi-Process Service: lets the kernels of several processes run on a GPU together.

Without it they take turns. It has to run before the processes that use it begin, so it can be
started only for a Ray on this machine that is started too.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

CONTROL = "nvidia-cuda-mps-control"
FOLDERS = ("CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY")
TIMEOUT_SECONDS = 10
PROBE = """
import ctypes, sys
cuda, context = ctypes.CDLL("libcuda.so.1"), ctypes.c_void_p()
error = cuda.cuInit(0) or cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0)
sys.exit(error and f"CUDA error {error} in a process that uses it")
"""
"""A process by which it is seen that others can use a GPU through MPS, too."""


@contextmanager
def served(wanted: bool) -> Iterator[str]:
    """MPS while the block runs, if ``wanted``: says whether it is used, or why not.

    One that runs already is used and left running. The processes that are to use it must be
    started on this machine within the block.
    """
    if not wanted:
        yield ""
    elif not shutil.which(CONTROL):
        yield f"not used: no {CONTROL} on this machine"
    elif _says("get_server_list") is None:
        yield "used: was running"
    else:
        with _started() as problem:
            yield f"not used: {problem}" if problem else "used: started"


@contextmanager
def _started() -> Iterator[str | None]:
    """Start it with folders of its own (a socket's path must be short); the problem, if any."""
    with tempfile.TemporaryDirectory(prefix="mps-", ignore_cleanup_errors=True) as folder:
        os.environ.update(dict.fromkeys(FOLDERS, folder))
        problem = _run([CONTROL, "-d"]) or _run([sys.executable, "-c", PROBE])
        if problem:
            _end()
        try:
            yield problem
        finally:
            if not problem:
                _end()


def _end() -> None:
    """End the daemon if there is one, and let no process look for it."""
    _says("quit")
    for name in FOLDERS:
        os.environ.pop(name, None)


def _says(command: str) -> str | None:
    """Give the daemon a command; the problem, or None if it answered."""
    return _run([CONTROL], f"{command}\n")


def _run(command: list[str], text: str = "") -> str | None:
    # The server numbers the GPUs that it sees anew, and clients would look for the old numbers.
    environment = {k: v for k, v in os.environ.items() if k != "CUDA_VISIBLE_DEVICES"}
    try:
        subprocess.run(
            command,
            env=environment,
            input=text,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout).strip().splitlines()
        return said[0] if said else f"exit code {error.returncode}"
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None
