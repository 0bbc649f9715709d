"""Peak GPU memory, told beforehand and measured, over the shapes of the tasks (goal 11).

Each shape is trained as the product does it, on samples as large as they may be, in one process:
six steps, then a measuring of as many samples at once as fit. Its peak is what PyTorch reserved at
most, and the CUDA context: what the process takes of the GPU before it has allocated anything.
"""

import gc
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.network_cases import Case, Marks, made_up
from trainables import image, text
from trainables.classifier import MEASURED_TOKENS
from trainables.data.sequences import ADDED

STEPS = 6
MEASURED_IMAGES = 2 * image.MEASURE_BATCH
TEXT_SIZES, LONGEST = (16, 24, 32), (128, 256, 384, 512)
GIB = 1024**3
GPU_GIB = (8, 16, 24, 40, 80, 139)
"""Memory of GPUs to share, in thought: would a shape that runs there outgrow its part?"""

Bytes = NDArray[np.int64]
MAX_PER_GPU = 16
"""As ``tuner.packing`` shares them, before it has measured anything."""

GOAL_P95 = 0.15


@dataclass(frozen=True)
class Shape:
    """A configuration whose memory is told and measured."""

    case: Case
    config: dict[str, Any]

    @property
    def predicted(self) -> int:
        """Bytes, as the trainable tells them."""
        tell = text.peak_bytes if self.case.longest else image.peak_bytes
        return tell(self.config, self.case.dataset, self.case.model)

    def train(self, data: Any, device: str) -> None:
        """As a trial does, for one epoch."""
        train = text.train if self.case.longest else image.train
        train(self.config, Marks(self.case.model, data, device, 1))


def shapes(dry: bool, cases: Sequence[Case]) -> list[Shape]:
    """Every batch size of the images' tasks; of the texts' a grid. Each network once."""
    every: list[Shape] = []
    for case in {case.model: case for case in cases}.values():
        if case.longest:
            grid = [(size, long) for size in TEXT_SIZES for long in LONGEST]
            some = [{"batch_size": size, "max_seq_length": long} for size, long in grid]
        else:
            some = [{"batch_size": size} for size in image.BATCH_SIZES]
        every += [Shape(case, config) for config in (some[:1] if dry else some)]
    return every


def measure(shape: Shape, device: str, tokens: int) -> int:
    """Bytes that training took at most, without the CUDA context."""
    data = _worst(shape, tokens)
    if device == "cuda":
        image._resident.cache_clear()
        torch._C._cuda_clearCublasWorkspaces()
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    shape.train(data, device)
    return torch.cuda.max_memory_reserved() if device == "cuda" else 1


def _worst(shape: Shape, tokens: int) -> Any:
    """Samples as large as they may be: enough for some steps, and for the largest measuring."""
    if not shape.case.longest:
        rows = min(STEPS * max(image.BATCH_SIZES), shape.case.whole[0])
        data = shape.case.data(rows, sum(shape.case.whole) - rows)
        return replace(data, validation=data.validation[:MEASURED_IMAGES])
    rows, long = STEPS * shape.config["batch_size"], shape.config["max_seq_length"]
    return made_up(shape.case, np.full(rows + math.ceil(tokens / long), long - ADDED), rows)


def context_bytes() -> int:
    """What the GPU holds beside PyTorch's tensors, if no other process uses it."""
    free, total = torch.cuda.mem_get_info()
    return total - free - torch.cuda.memory_reserved()


def report(device: str, dry: bool, cases: Sequence[Case]) -> dict[str, Any]:
    """Each shape, how far predictions are off, and how many shapes would outgrow their part."""
    every, tokens = shapes(dry, cases), 1 if dry else MEASURED_TOKENS[device]
    told = np.array([shape.predicted for shape in every])
    reserved = np.array([measure(shape, device, tokens) for shape in every])
    context = context_bytes() if device == "cuda" else 0
    seen = reserved + context
    error = np.abs(told / seen - 1)
    p95 = float(np.quantile(error, 0.95))
    return {
        "error_p95": p95,
        "error_median": float(np.median(error)),
        "wanted": GOAL_P95,
        "met": p95 <= GOAL_P95,
        "predicted_over_measured": np.quantile(told / seen, (0, 0.5, 1)).tolist(),
        "lost": {f"{gib} GiB": lost(told, seen, gib * GIB) for gib in GPU_GIB},
        "context_bytes": context,
        "shapes": [
            {"model": shape.case.model, **shape.config, "predicted": first, "measured": then}
            for shape, first, then in zip(every, told.tolist(), seen.tolist(), strict=True)
        ],
    }


def lost(told: Bytes, measured: Bytes, usable: int) -> dict[str, int]:
    """Shapes that need more than the part of a GPU of ``usable`` bytes that they would be given.

    By what was told beforehand, as ``tuner.packing`` does before it has measured anything; and with
    a fixed quarter for each. What does not fit into the whole GPU is not counted.
    """
    fits = np.maximum(told, measured) <= usable
    parts = usable / np.clip(usable // told, 1, MAX_PER_GPU)
    return {
        "fitting": int(fits.sum()),
        "by_prediction": int((measured > parts)[fits].sum()),
        "fixed_quarter": int((measured > usable / 4)[fits].sum()),
    }
