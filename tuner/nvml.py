"""NVIDIA GPUs as the driver sees them, by NVML; without a driver there are none."""

import os
from typing import Any


class Device:
    """One GPU. Bytes are of the whole GPU, whoever uses them; None is what it cannot say."""

    def __init__(self, library: Any, handle: Any) -> None:
        self._library = library
        self._handle = handle

    @property
    def name(self) -> str:
        """The product's name."""
        return str(self._ask("Name") or "GPU")

    @property
    def total_bytes(self) -> int:
        """Its memory; 0 if unknown."""
        memory = self._ask("MemoryInfo")
        return int(memory.total) if memory else 0

    @property
    def free_bytes(self) -> int | None:
        """The memory that nobody uses."""
        memory = self._ask("MemoryInfo")
        return int(memory.free) if memory else None

    @property
    def utilization(self) -> tuple[float, float] | None:
        """Percent of the last moment in which a kernel ran, and in which memory was accessed."""
        rates = self._ask("UtilizationRates")
        return (float(rates.gpu), float(rates.memory)) if rates else None

    @property
    def energy_joules(self) -> float | None:
        """What it has drawn since the driver was loaded (Volta and later)."""
        millijoules = self._ask("TotalEnergyConsumption")
        return None if millijoules is None else millijoules / 1000

    @property
    def mps(self) -> bool | None:
        """Whether any process uses it by way of MPS."""
        clients = self._ask("MPSComputeRunningProcesses")
        return None if clients is None else bool(clients)

    def _ask(self, what: str) -> Any:
        try:
            return getattr(self._library, f"nvmlDeviceGet{what}")(self._handle)
        except (self._library.NVMLError, AttributeError):
            return None


def library() -> Any | None:
    """NVML, begun; None without an NVIDIA driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml


def device(visible: str | None = None) -> Device | None:
    """The first GPU of ``visible`` (in the form of ``CUDA_VISIBLE_DEVICES``, which it is unless
    given): an index or a UUID; None if there is no such NVIDIA GPU.
    """
    nvml = library()
    if nvml is None:
        return None
    listed = os.environ.get("CUDA_VISIBLE_DEVICES", "0") if visible is None else visible
    first = listed.split(",")[0].strip()
    try:
        if first.isdecimal():
            return Device(nvml, nvml.nvmlDeviceGetHandleByIndex(int(first)))
        return Device(nvml, nvml.nvmlDeviceGetHandleByUUID(first))
    except nvml.NVMLError:
        return None
