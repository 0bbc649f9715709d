"""What a training used of a machine: the record that travels from the workers into the journal."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Usage:
    """What ``seconds`` of a training used.

    ``cpu`` and ``gpu`` are the CPU threads and the share of a GPU that it had, ``gpus`` which GPUs.
    ``cpu_seconds`` is CPU time of its process. ``peak_gpu_bytes`` is what PyTorch reserved at most,
    with the CUDA context; ``gpu_percent`` (SM) and ``gpu_memory_percent`` (memory bandwidth) are
    means over the whole GPU, whoever used it. ``energy_joules`` is this training's share of what
    the GPU drew. ``mps`` says whether NVIDIA's MPS served the GPU. None: could not be measured.
    """

    seconds: float = 0.0
    steps: int = 0
    cpu: float = 0.0
    cpu_seconds: float = 0.0
    peak_host_bytes: int = 0
    gpu: float = 0.0
    gpus: tuple[str, ...] = ()
    peak_gpu_bytes: int | None = None
    gpu_percent: float | None = None
    gpu_memory_percent: float | None = None
    energy_joules: float | None = None
    mps: bool | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Usage":
        """Read a JSON object; what a newer version added is left out."""
        known = {field.name for field in fields(cls)}
        given = {name: value for name, value in data.items() if name in known}
        return cls(**{**given, "gpus": tuple(given.get("gpus", ()))})

    def __add__(self, later: "Usage") -> "Usage":
        """Both together: amounts add up, peaks are the higher, percentages weighted by time."""
        return Usage(
            self.seconds + later.seconds,
            self.steps + later.steps,
            max(self.cpu, later.cpu),
            self.cpu_seconds + later.cpu_seconds,
            max(self.peak_host_bytes, later.peak_host_bytes),
            max(self.gpu, later.gpu),
            tuple(dict.fromkeys(self.gpus + later.gpus)),
            _most(self.peak_gpu_bytes, later.peak_gpu_bytes),
            self._mean(later, self.gpu_percent, later.gpu_percent),
            self._mean(later, self.gpu_memory_percent, later.gpu_memory_percent),
            _sum(self.energy_joules, later.energy_joules),
            later.mps if later.mps is not None else self.mps,
        )

    def _mean(self, later: "Usage", mine: float | None, theirs: float | None) -> float | None:
        if mine is None or theirs is None:
            return theirs if mine is None else mine
        seconds = self.seconds + later.seconds
        if not seconds:
            return theirs
        return (mine * self.seconds + theirs * later.seconds) / seconds


def _most(mine: int | None, theirs: int | None) -> int | None:
    return max((value for value in (mine, theirs) if value is not None), default=None)


def _sum(mine: float | None, theirs: float | None) -> float | None:
    return theirs if mine is None else mine + (theirs or 0.0)
