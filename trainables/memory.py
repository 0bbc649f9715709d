"""How much GPU memory a training step of a PyTorch module needs at most, known before it runs.

    peak = context + parameters x (bytes of the optimiser + 2 for a bf16 copy)
           + activations x 1.15 + 0.4 GB of workspaces,   all x 1.10

Context (0.55 GB), copies, workspaces and the factors for what the allocator loses are the project's
estimates for an H200, not measured on one; what the tuner measures later corrects the whole.
The activations are what the forward pass keeps for the backward pass, counted without a GPU by
passing meta tensors through the module under ``torch.autograd.graph.saved_tensors_hooks``
(https://docs.pytorch.org/docs/stable/autograd.html#saved-tensors-hooks).
"""

import copy
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import torch

Inputs: TypeAlias = dict[str, "torch.Tensor"] | tuple["torch.Tensor", ...]
"""A whole batch on ``meta``: positional tensors, or named ones."""
CONTEXT_BYTES = 550_000_000
WORKSPACE_BYTES = 400_000_000
COPY_BYTES = 2
ADAMW_BYTES = 16
"""Bytes per fp32 parameter: itself, its gradient and two moments."""
SGD_BYTES = 12
"""The same with one momentum."""
ACTIVATION_FACTOR = 1.15
MARGIN = 1.10


def formula(parameters: int, optimizer_bytes: int, activation_bytes: float) -> int:
    """The peak in bytes, by the formula above, of one step in bf16 autocast."""
    weights = parameters * (optimizer_bytes + COPY_BYTES)
    activations = ACTIVATION_FACTOR * activation_bytes
    return round(MARGIN * (CONTEXT_BYTES + weights + activations + WORKSPACE_BYTES))


def peak_bytes(
    module: "torch.nn.Module", inputs: Inputs, optimizer_bytes: int = ADAMW_BYTES
) -> int:
    """The peak of a training step of ``module`` on ``inputs``, both on the device ``meta``."""
    parameters = sum(parameter.numel() for parameter in module.parameters())
    return formula(parameters, optimizer_bytes, activation_bytes(module, inputs))


def activation_bytes(module: "torch.nn.Module", inputs: Inputs) -> int:
    """What a forward pass in bf16 keeps for the backward pass, each storage once.

    Parameters, buffers and inputs are not counted. Attention counts as fused (FlashAttention keeps
    queries, keys, values, its output and one number a row), though meta tensors have no such
    kernel.
    """
    import torch

    module = copy.deepcopy(module).to(torch.bfloat16).train()
    known = {_storage(tensor) for tensor in (*module.parameters(), *module.buffers())}
    kept: dict[Any, torch.Tensor] = {}  # holds them: a freed storage would give its name away

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if _storage(tensor) not in known:
            kept[_storage(tensor)] = tensor
        return tensor

    def floating(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(torch.bfloat16) if tensor.is_floating_point() else tensor

    with fused_attention(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        if isinstance(inputs, dict):
            module(**{name: floating(tensor) for name, tensor in inputs.items()})
        else:
            module(*map(floating, inputs))
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def fused_attention() -> "AbstractContextManager[Any]":
    """Within it, attention keeps for its backward pass what a fused kernel keeps; no values."""
    import torch
    from torch.overrides import TorchFunctionMode

    class Fused(torch.autograd.Function):
        """Attention by its memory alone."""

        @staticmethod
        def forward(
            ctx: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor
        ) -> torch.Tensor:
            output = query.new_empty(*query.shape[:-1], value.shape[-1])
            rows = query.new_empty(query.shape[:-1], dtype=torch.float32)
            ctx.save_for_backward(query, key, value, output, rows)
            return output

    class Mode(TorchFunctionMode):
        """Puts ``Fused`` in the place of PyTorch's function."""

        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            if func is torch.nn.functional.scaled_dot_product_attention:
                named = dict(zip(("query", "key", "value"), args, strict=False), **(kwargs or {}))
                return Fused.apply(named["query"], named["key"], named["value"])
            return func(*args, **(kwargs or {}))

    return Mode()


def _storage(tensor: "torch.Tensor") -> Any:
    return tensor.untyped_storage()._cdata
