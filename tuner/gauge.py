"""Measures what a training uses, in its own process: NVML for the GPU, the system for the rest."""

import resource
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from trainables.memory import CONTEXT_BYTES
from tuner.nvml import Device
from tuner.usage import Usage

SAMPLE_SECONDS = 0.5


class Gauge:
    """What this process uses from entering to leaving, a stretch at a time.

    The peak of the host's memory is the process's; where it cannot be reset (not Linux) it may be
    that of an earlier training in the same process. Energy is the GPU's, times the share held.
    """

    def __init__(
        self,
        cpu: float,
        gpu: float = 0.0,
        gpus: tuple[str, ...] = (),
        device: Device | None = None,
    ) -> None:
        self._held = {"cpu": cpu, "gpu": gpu, "gpus": gpus}
        self._share = min(gpu, 1.0)
        self._device = device
        self._samples: list[tuple[float, float]] = []
        self._left = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "Gauge":
        """Begin: peaks count from here."""
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        if torch := _torch():
            torch.cuda.reset_peak_memory_stats()
        self._mark()
        if self._device:
            self._sampler.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the sampling."""
        self._left.set()

    def take(self, steps: int = 0) -> Usage:
        """What was used since entering or the last ``take``, in which ``steps`` were made."""
        seconds, cpu, energy, samples = self._seconds, self._cpu, self._energy, self._samples
        self._mark()
        used = None if energy is None or self._energy is None else self._energy - energy
        return Usage(
            seconds=self._seconds - seconds,
            steps=steps,
            **self._held,  # type: ignore[arg-type]
            cpu_seconds=self._cpu - cpu,
            peak_host_bytes=_peak_host_bytes(),
            peak_gpu_bytes=_peak_gpu_bytes() if self._held["gpu"] else None,
            gpu_percent=_mean([sample[0] for sample in samples]),
            gpu_memory_percent=_mean([sample[1] for sample in samples]),
            energy_joules=None if used is None else used * self._share,
            mps=self._device.mps if self._device else None,
        )

    def _mark(self) -> None:
        self._seconds, self._cpu, self._samples = time.monotonic(), time.process_time(), []
        self._energy = self._device.energy_joules if self._device else None

    def _sample(self) -> None:
        assert self._device is not None
        while not self._left.wait(SAMPLE_SECONDS):
            if (sample := self._device.utilization) is not None:
                self._samples.append(sample)


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _torch() -> Any:
    """PyTorch, if this process uses it on a GPU."""
    torch = sys.modules.get("torch")
    return torch if torch and torch.cuda.is_initialized() else None


def _peak_gpu_bytes() -> int | None:
    torch = _torch()
    return int(torch.cuda.max_memory_reserved()) + CONTEXT_BYTES if torch else None


def _peak_host_bytes() -> int:
    """The kernel counts in KiB on Linux, in bytes on macOS."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
