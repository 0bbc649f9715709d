"""What a trial occupies, and how many run at once on the machines at hand."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from meta.space import Config
from tuner import code
from tuner.config import Resources, StudyConfig
from tuner.errors import EnvironmentFault
from tuner.nvml import device
from tuner.packing import MAX_PER_GPU, NO_GPUS, Gpus
from tuner.progress import announce


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the cluster: how many CPUs and GPUs it has, and each GPU's memory and name.

    ``gpu_bytes`` is 0 where NVML sees no GPU, or none of NVIDIA.
    """

    cpus: float
    gpus: float
    gpu_bytes: int = 0
    gpu_name: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Allotment:
    """CPUs and share of a GPU for each trial, and how many trials run at once, at most.

    Where ``gpus`` are packed, each trial has a share of its own and ``gpu`` is a whole one.
    """

    cpu: float
    gpu: float
    concurrency: int
    gpus: Gpus = NO_GPUS
    gpu_name: str = ""

    @property
    def threads(self) -> int:
        """CPU threads that a trial may use."""
        return max(1, int(self.cpu))

    @property
    def device(self) -> str:
        """The device a trial trains on, in PyTorch's terms."""
        return "cuda" if self.gpu else "cpu"


def this_machine() -> Node:
    """CPUs that this process may use, and NVIDIA GPUs by their device files."""
    gpus = len(list(Path("/dev").glob("nvidia[0-9]*")))
    gpu_bytes, name = gpu_memory() if gpus else (0, "")
    return Node(_cpus(), gpus, gpu_bytes, name)


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def gpu_memory() -> tuple[int, str]:
    """The bytes and the name of this machine's first GPU; 0 without NVML."""
    gpu = device("0")
    return (gpu.total_bytes, gpu.name) if gpu else (0, "")


def allot(resources: Resources, nodes: list[Node]) -> Allotment:
    """Fit trials on the nodes; raises ``EnvironmentFault`` if not even one fits."""
    cpus, gpus = max(node.cpus for node in nodes), max(node.gpus for node in nodes)
    having = [node for node in nodes if node.gpus]
    usable = _usable_bytes(resources, having)
    packed = resources.gpu == "auto" and usable > 0
    gpu = float(packed) if resources.gpu == "auto" else float(resources.gpu)
    faults = []
    if resources.cpu > cpus:
        faults.append(
            f"resources.cpu: the largest node has {cpus:g} CPUs, asked {resources.cpu:g}."
            f" Use --set resources.cpu={cpus:g} or less."
        )
    if gpu > gpus:
        has = f"the largest node has {gpus:g} GPUs" if gpus else "no GPU in the cluster"
        faults.append(f"resources.gpu: {has}, asked {gpu:g}. Use --set resources.gpu={gpus:g}.")
    if faults:
        raise EnvironmentFault(*faults)
    least = 1 / MAX_PER_GPU if packed else gpu
    fit = sum(_fits(resources.cpu, least, node) for node in nodes)
    most = min(fit, resources.concurrency or fit)
    shared = NO_GPUS
    if gpu:
        count = sum(node.gpus for node in having)
        per_gpu = max(int(most / count), 1)
        shared = Gpus(count, usable, "auto" if packed else gpu, min(per_gpu, MAX_PER_GPU))
    name = having[0].gpu_name if gpu else ""
    return Allotment(resources.cpu, gpu, most, shared, name)


def _usable_bytes(resources: Resources, nodes: list[Node]) -> int:
    """What trials may fill of each GPU: the smallest one, or what the user allows."""
    known = [node.gpu_bytes for node in nodes if node.gpu_bytes]
    allowed = [round(resources.gpu_memory * 1e9)] if resources.gpu_memory and nodes else []
    return min([*known, *allowed], default=0)


def predictor(config: StudyConfig) -> Callable[[Config], int]:
    """What the study's trainable expects a configuration to use of a GPU's memory at most, in
    bytes; 0 where it does not say, or fails to. Each configuration is asked about once.
    """
    peak_bytes = code.load(config.trainable, config.code).peak_bytes
    if peak_bytes is None:
        return lambda _: 0

    @cache
    def ask(items: tuple[tuple[str, Any], ...]) -> int:
        try:
            return peak_bytes(dict(items), config.task.dataset, config.task.model)
        except Exception as error:  # the search goes on, and the training says what is wrong
            announce(f"memory of {dict(items)} unknown ({type(error).__name__}: {error})")
            return 0

    return lambda values: ask(tuple(values.items()))


def _fits(cpu: float, gpu: float, node: Node) -> int:
    by_gpu = node.gpus // gpu if gpu else float("inf")
    by_cpu = node.cpus // cpu if cpu else float("inf")
    return int(min(by_cpu, by_gpu))
