"""Memory of a GPU before and after a training, with an NVML that is made up."""

import os
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tuner import admission, nvml
from tuner.admission import GpuMemoryHeld, out_of_memory, wait_until_free
from tuner.events import Memory
from tuner.gauge import Gauge
from tuner.nvml import Device


class FakeNvml:
    """One GPU of 100 bytes; each look at its memory finds 10 more of them free."""

    class NVMLError(Exception):
        pass

    def __init__(self, free: int = 0) -> None:
        self.free = free
        self.millijoules = 0

    def nvmlDeviceGetMemoryInfo(self, handle: object) -> Any:  # noqa: N802
        self.free = min(self.free + 10, 100)
        return SimpleNamespace(total=100, free=self.free)

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: object) -> int:  # noqa: N802
        self.millijoules += 8000
        return self.millijoules

    def nvmlDeviceGetMPSComputeRunningProcesses(self, handle: object) -> list[object]:  # noqa: N802
        return [handle]

    def nvmlDeviceGetUtilizationRates(self, handle: object) -> Any:  # noqa: N802
        raise self.NVMLError("not supported")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "POLL_SECONDS", 0.0)


def test_a_trial_begins_when_the_memory_of_those_before_it_is_free() -> None:
    fake = FakeNvml()
    wait_until_free(60, Device(fake, object()))
    assert fake.free == 60


def test_memory_that_is_never_given_back_is_a_lack_of_gpu_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admission, "WAIT_SECONDS", 0.0)
    with pytest.raises(GpuMemoryHeld, match="are needed") as caught:
        wait_until_free(1000, Device(FakeNvml(), object()))
    lacked, reason = out_of_memory(caught.value) or (None, "")
    assert lacked is Memory.GPU
    assert reason.startswith("out of memory (gpu): ")


def test_without_nvml_nobody_waits() -> None:
    wait_until_free(10**15, None)


def _after(first: Exception, then: Exception) -> Exception:
    then.__context__ = first
    return then


OF_GPU = "out of memory (gpu)"
MEMORY = [
    (torch.cuda.OutOfMemoryError("CUDA out of memory. Tried"), "out of memory (gpu): CUDA"),
    (RuntimeError("CUDA error: out of memory\nCompile with"), "out of memory (gpu): CUDA"),
    (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when"), "out of memory (gpu)"),
    (ValueError("xgboost: cudaErrorMemoryAllocation"), "out of memory (gpu)"),
    (RuntimeError("GET was unable to find an engine to execute this computation"), OF_GPU),
    (_after(torch.cuda.OutOfMemoryError("CUDA out of memory"), RuntimeError("capture")), OF_GPU),
    (MemoryError(), "out of memory (host)"),
    (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out of memory (host)"),
]
OTHERS = [RuntimeError("shape mismatch"), ValueError(""), KeyError("x")]


@pytest.mark.parametrize(("error", "begins"), MEMORY)
def test_memory_of_the_gpu_and_of_the_host_are_told_apart(error: Exception, begins: str) -> None:
    lacked, reason = out_of_memory(error) or (None, "")
    assert reason.startswith(begins)
    assert f"({lacked})" in begins


@pytest.mark.parametrize("error", OTHERS)
def test_other_errors_are_not_about_memory(error: Exception) -> None:
    assert out_of_memory(error) is None


def test_what_ends_a_training_no_longer_holds_its_tensors() -> None:
    class Tensor:
        alive = 0

        def __init__(self) -> None:
            Tensor.alive += 1

        def __del__(self) -> None:
            Tensor.alive -= 1

    def train() -> None:
        weights = Tensor()
        raise SystemExit(repr(weights))

    with pytest.raises(SystemExit), admission.released():
        train()
    assert Tensor.alive == 0


class BrokenTorch:
    """After a kernel's failure, whatever the process asks of the GPU fails."""

    class cuda:  # noqa: N801
        OutOfMemoryError = torch.OutOfMemoryError

        @staticmethod
        def is_initialized() -> bool:
            return True

        @staticmethod
        def synchronize() -> None:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

        empty_cache = synchronize


def test_a_process_whose_gpu_is_broken_makes_room_for_a_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", BrokenTorch)
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    admission.release()
    admission.leave_if_broken()
    assert codes == [1]


def test_energy_counts_by_the_share_and_mps_is_seen() -> None:
    with Gauge(1.0, 0.25, ("a",), Device(FakeNvml(), object())) as measured:
        usage = measured.take(steps=3)
    assert (usage.steps, usage.gpus, usage.mps) == (3, ("a",), True)
    assert usage.energy_joules == pytest.approx(2.0)
    assert usage.gpu_percent is None


def test_on_a_cpu_time_and_memory_are_measured_and_no_gpu() -> None:
    with Gauge(2.0) as measured:
        sum(range(10**6))
        usage = measured.take()
    assert usage.cpu_seconds > 0
    assert usage.peak_host_bytes > 10**6
    assert (usage.peak_gpu_bytes, usage.energy_joules, usage.mps) == (None, None, None)


def test_what_a_gpu_cannot_say_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Device(FakeNvml(), object())
    assert (gpu.name, gpu.total_bytes, gpu.utilization) == ("GPU", 100, None)
    monkeypatch.setattr(nvml, "library", lambda: None)
    assert nvml.device() is None
