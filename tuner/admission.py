"""Before and after a training on a GPU, in its process: memory limited, awaited and given back."""

import gc
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from trainables.memory import CONTEXT_BYTES
from tuner.events import Memory
from tuner.nvml import Device

WAIT_SECONDS = 60.0
POLL_SECONDS = 0.1
GPU_ALLOCATION_FAILED = (
    "CUDA error: out of memory",
    "CUDA driver error: out of memory",
    "CUDA_ERROR_OUT_OF_MEMORY",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_NOT_INITIALIZED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    "unable to find an engine to execute this computation",
    "cudaErrorMemoryAllocation",
)
"""What libraries other than PyTorch's allocator say; a convolution that gets no workspace from any
engine, and cuBLAS that cannot begin, name no memory.
"""
HOST_ALLOCATION_FAILED = "DefaultCPUAllocator: can't allocate memory"


class GpuMemoryHeld(Exception):
    """The memory that a training needs was not given back by those before it."""


def out_of_memory(error: BaseException) -> tuple[Memory, str] | None:
    """Which memory was too small, and a reason in one line, if an error came of that."""
    cause = error.__cause__ or error.__context__
    if lacked := _lacked(error):
        said = str(error).partition("\n")[0] if lacked is Memory.GPU else ""
        return lacked, out_of(lacked, said)
    return out_of_memory(cause) if cause else None


def out_of(lacked: Memory, said: str = "") -> str:
    """The reason of a training that lacked memory."""
    return f"out of memory ({lacked}): {said}" if said else f"out of memory ({lacked})"


def _lacked(error: BaseException) -> Memory | None:
    torch = sys.modules.get("torch")
    if isinstance(error, GpuMemoryHeld) or (torch and isinstance(error, torch.OutOfMemoryError)):
        return Memory.GPU
    if any(words in str(error) for words in GPU_ALLOCATION_FAILED):
        return Memory.GPU
    if isinstance(error, MemoryError) or HOST_ALLOCATION_FAILED in str(error):
        return Memory.HOST
    return None


def limit(share: float, usable_bytes: int, device: Device | None) -> None:
    """Let this process's PyTorch allocate only its share: who needs more fails alone.

    PyTorch's limit is a part of the whole memory and leaves the CUDA context out.
    """
    if device is None or not usable_bytes or not device.total_bytes:
        return
    import torch

    bytes = min(share, 1.0) * usable_bytes - CONTEXT_BYTES
    part = min(max(bytes / device.total_bytes, 0.001), 1.0)
    torch.cuda.set_per_process_memory_fraction(part)


def wait_until_free(needed_bytes: int, device: Device | None) -> None:
    """Return once the GPU has so much free; raises ``GpuMemoryHeld`` after ``WAIT_SECONDS``.

    A process that was killed, or stopped in the middle of a step, gives its memory back late.
    """
    release()
    if device is None:
        return
    needed = needed_bytes - (CONTEXT_BYTES if _torch() else 0)
    until = time.monotonic() + WAIT_SECONDS
    while (free := device.free_bytes) is not None and free < needed:
        if time.monotonic() >= until:
            raise GpuMemoryHeld(
                f"{free / 1e9:.1f} GB are free {WAIT_SECONDS:g} s after the trials before,"
                f" {needed / 1e9:.1f} GB are needed"
            )
        time.sleep(POLL_SECONDS)


@contextmanager
def released() -> Iterator[None]:
    """Give the GPU's memory back however the block ends, also when Ray ends its thread.

    What ends it holds the frames of the training, and with them its tensors.
    """
    try:
        yield
    except BaseException as error:
        traceback.clear_frames(error.__traceback__)
        raise
    finally:
        release()


def leave_if_broken() -> None:
    """End this process if a kernel failed in it: its every use of the GPU would. Ray has others."""
    if torch := _torch():
        try:
            torch.cuda.synchronize()
        except RuntimeError:
            os._exit(1)


def _torch() -> Any:
    torch = sys.modules.get("torch")
    return torch if torch and torch.cuda.is_initialized() else None


def release() -> None:
    """Give back what no tensor holds any more, unless the GPU is broken for this process."""
    if torch := _torch():
        gc.collect()
        with suppress(RuntimeError):
            torch.cuda.empty_cache()
