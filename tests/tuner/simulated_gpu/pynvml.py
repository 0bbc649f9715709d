"""In the place of NVML, in Ray's workers: one GPU of 16 GB that is a folder, a file an allocation.

The folder is ``$SIMULATED_GPU``; a file says which process holds how many bytes, until when.
"""

import os
import time
from pathlib import Path
from types import SimpleNamespace

TOTAL_BYTES = 16 * 10**9


class NVMLError(Exception):
    pass


def folder() -> Path:
    return Path(os.environ["SIMULATED_GPU"])


def used_bytes() -> int:
    return sum(_held(*path.read_text().split()) for path in folder().glob("*.held"))


def _held(process: str, size: str, until: str) -> int:
    lives = Path("/proc", process).exists()
    return int(size) if lives and time.time() < float(until) else 0


def nvmlInit() -> None:  # noqa: N802
    pass


def nvmlDeviceGetHandleByIndex(index: int) -> int:  # noqa: N802
    return index


def nvmlDeviceGetName(handle: int) -> str:  # noqa: N802
    return "simulated"


def nvmlDeviceGetMemoryInfo(handle: int) -> SimpleNamespace:  # noqa: N802
    return SimpleNamespace(total=TOTAL_BYTES, free=TOTAL_BYTES - used_bytes())


def nvmlDeviceGetUtilizationRates(handle: int) -> SimpleNamespace:  # noqa: N802
    return SimpleNamespace(gpu=50, memory=25)
