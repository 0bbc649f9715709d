"""The least time that a training step can take on an H200, by arithmetic and by memory.

floor = max(FLOPs / 790 TFLOP/s, bytes / 4.3 TB/s): what the GPU reaches in dense bfloat16 products
of matrices, and in copying. Bytes are what no implementation saves: each parameter, its gradient
and its moments as the optimiser reads and writes them, its bfloat16 copy as both passes read it,
and each kept activation written and read once.
"""

from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.network_cases import BATCH, Case
from benchmarks.texts import forward_flops
from trainables import encoders, memory, networks
from trainables.data.sequences import clipped

FLOPS, BYTES = 790e12, 4.3e12
PASSES = 3
"""A backward pass is two products for each of the forward pass."""

ADAMW_TRAFFIC, SGD_TRAFFIC = 42, 34
"""Bytes a parameter: float32 weight, gradient and moments read, weight and moments written; the
gradient written; the bfloat16 copy made once and read twice."""


def seconds_per_step(case: Case, data: Any) -> float:
    """The floor of a mean step of ``BATCH`` samples of ``data``."""
    return _texts(case, data) if case.longest else _images(case)


def _images(case: Case) -> float:
    with torch.device("meta"):
        network = networks.build(case.model, {}, case.classes, (case.side, case.side, 3))
        batch = torch.empty(BATCH, 3, case.side, case.side)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(batch)
    kept = memory.activation_bytes(network, (batch,))
    return _floor(PASSES * counter.get_total_flops(), _count(network), SGD_TRAFFIC, kept)


def _texts(case: Case, data: Any) -> float:
    long = clipped(data.texts.tokens.lengths[data.train], case.longest)
    network: Any = encoders.build(case.model, {}, case.classes, device="meta")
    shape = network.config
    flops = forward_flops(long, shape.num_hidden_layers, shape.hidden_size) * BATCH / len(long)
    batch = encoders.OnMeta(network, BATCH, round(float(np.mean(long))))
    kept = memory.activation_bytes(batch, batch.inputs)
    return _floor(PASSES * flops, _count(network), ADAMW_TRAFFIC, kept)


def _count(network: torch.nn.Module) -> int:
    return sum(weights.numel() for weights in network.parameters())


def _floor(flops: float, parameters: int, traffic: int, kept: int) -> float:
    return max(flops / FLOPS, (traffic * parameters + 2 * kept) / BYTES)
