"""What a trial occupies, and how many run at once on the machines at hand."""

import os
from dataclasses import dataclass
from pathlib import Path

from tuner.config import Resources
from tuner.errors import EnvironmentFault


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the cluster: how many CPUs and GPUs it has."""

    cpus: float
    gpus: float


@dataclass(frozen=True, slots=True)
class Allotment:
    """CPUs and share of a GPU for each trial, and how many trials run at once."""

    cpu: float
    gpu: float
    concurrency: int

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
    return Node(len(os.sched_getaffinity(0)), len(list(Path("/dev").glob("nvidia[0-9]*"))))


def allot(resources: Resources, nodes: list[Node]) -> Allotment:
    """Fit trials on the nodes; raises ``EnvironmentFault`` if not even one fits."""
    cpus, gpus = max(node.cpus for node in nodes), max(node.gpus for node in nodes)
    gpu = float(gpus > 0) if resources.gpu == "auto" else float(resources.gpu)
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
    fit = sum(_fits(resources.cpu, gpu, node) for node in nodes)
    return Allotment(resources.cpu, gpu, min(fit, resources.concurrency or fit))


def _fits(cpu: float, gpu: float, node: Node) -> int:
    by_gpu = node.gpus // gpu if gpu else float("inf")
    by_cpu = node.cpus // cpu if cpu else float("inf")
    return int(min(by_cpu, by_gpu))
