"""In the place of ``torch.cuda``, in Ray's workers: an allocator on the GPU of ``pynvml``.

What is freed is free ``LATE_SECONDS`` later, like the memory of a process that was ended.
"""

import fcntl
import os
import time
from pathlib import Path

import pynvml
import torch

LATE_SECONDS = 2.0


class Allocator:
    most_bytes = pynvml.TOTAL_BYTES
    peak_bytes = 0

    def install(self) -> None:
        cuda = torch.cuda
        cuda.is_available = cuda.is_initialized = lambda: True
        cuda.set_per_process_memory_fraction = self.limit
        cuda.reset_peak_memory_stats = lambda: setattr(self, "peak_bytes", 0)
        cuda.max_memory_reserved = lambda: self.peak_bytes
        cuda.empty_cache = lambda: None

    def limit(self, part: float) -> None:
        self.most_bytes = round(part * pynvml.TOTAL_BYTES)

    def allocate(self, size: int) -> Path:
        """The file of the allocation; the log gets a line with what the GPU then holds."""
        if size > self.most_bytes:
            raise torch.OutOfMemoryError(f"CUDA out of memory. {self.most_bytes} bytes allowed")
        with (pynvml.folder() / "log").open("a") as log:
            fcntl.flock(log, fcntl.LOCK_EX)
            used = pynvml.used_bytes() + size
            if used > pynvml.TOTAL_BYTES:
                raise torch.OutOfMemoryError(f"CUDA out of memory. {used} bytes asked of the GPU")
            file = pynvml.folder() / f"{time.time_ns()}.held"
            file.write_text(f"{os.getpid()} {size} inf")
            log.write(f"{used}\n")
        self.peak_bytes = max(self.peak_bytes, size)
        return file

    def free(self, file: Path) -> None:
        process, size, _ = file.read_text().split()
        file.write_text(f"{process} {size} {time.time() + LATE_SECONDS}")
