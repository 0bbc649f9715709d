"""One training step of a network, eager on a CPU and a CUDA graph on a GPU, and its checkpoints."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

MOMENTUM = 0.9
WARM_UP_STEPS = 3
"""Steps on a GPU before the graph is captured; they count as training."""

CHECKPOINT = "checkpoint.safetensors"


class Training:
    """A network with its optimiser: SGD with Nesterov momentum, no decay on vectors.

    On ``cuda`` batches must all have the shape of the first: after ``WARM_UP_STEPS`` a step is the
    replay of one graph over fixed buffers.
    """

    def __init__(self, network: nn.Module, config: Mapping[str, Any], device: str) -> None:
        self.network = network.to(device).to(memory_format=torch.channels_last)
        self._cuda = torch.device(device).type == "cuda"
        self._parameters = list(network.parameters())
        self._rate = torch.zeros((), device=device)
        decay = float(config["weight_decay"])
        groups = [
            {"params": [p for p in self._parameters if p.dim() > 1], "weight_decay": decay},
            {"params": [p for p in self._parameters if p.dim() <= 1], "weight_decay": 0.0},
        ]
        rate = self._rate if self._cuda else 0.0
        fused = True if self._cuda else None
        self._optimizer = torch.optim.SGD(groups, rate, MOMENTUM, nesterov=True, fused=fused)
        self._steps = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._batch: tuple[Tensor, Tensor] | None = None

    def step(self, images: Tensor, labels: Tensor, rate: float) -> None:
        """Train on a batch (n, channels, height, width) and its labels (n,)."""
        if not self.network.training:
            self.network.train()
        images = images.contiguous(memory_format=torch.channels_last)
        if self._cuda:
            self._rate.fill_(rate)
            self._graphed(images, labels)
        else:
            for group in self._optimizer.param_groups:
                group["lr"] = rate
            self._eager(images, labels)

    def logits(self, images: Tensor) -> Tensor:
        """What the network says of a batch (n, channels, height, width), in float32."""
        self.network.eval()
        with torch.inference_mode(), self._autocast():
            answer: Tensor = self.network(images.contiguous(memory_format=torch.channels_last))
        return answer.float()

    def save(self, epoch: int, values: Sequence[float], folder: Path) -> None:
        """Write weights, momenta, the number of epochs done and the values reported."""
        state = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        for index, parameter in enumerate(self._parameters):
            momentum = self._optimizer.state[parameter].get("momentum_buffer")
            if momentum is not None:
                state[f"momentum.{index}"] = momentum
        whole = {name: tensor.contiguous() for name, tensor in state.items()}
        facts = {"epoch": str(epoch), "values": json.dumps(list(values))}
        save_file(whole, folder / CHECKPOINT, facts)

    def restore(self, folder: Path | None) -> tuple[int, list[float]]:
        """Go on from what ``save`` wrote: epochs done and values reported, none without a folder.

        A checkpoint of a version that did not write them has no values.
        """
        if folder is None:
            return 0, []
        from safetensors import safe_open

        state = load_file(folder / CHECKPOINT, device=str(self._rate.device))
        prefix = "network."
        self.network.load_state_dict(
            {name[len(prefix) :]: state[name] for name in state if name.startswith(prefix)}
        )
        for index, parameter in enumerate(self._parameters):
            if (momentum := state.get(f"momentum.{index}")) is not None:
                kept = torch.empty_like(parameter, requires_grad=False).copy_(momentum)
                self._optimizer.state[parameter]["momentum_buffer"] = kept
        with safe_open(folder / CHECKPOINT, framework="pt") as file:
            facts = file.metadata()
        return int(facts["epoch"]), json.loads(facts.get("values", "[]"))

    def _autocast(self) -> torch.autocast:
        # A graph must not keep the cast weights of the step in which it was captured.
        device = "cuda" if self._cuda else "cpu"
        return torch.autocast(device, torch.bfloat16, enabled=self._cuda, cache_enabled=False)

    def _eager(self, images: Tensor, labels: Tensor) -> None:
        self._optimizer.zero_grad(set_to_none=True)
        with self._autocast():
            loss = functional.cross_entropy(self.network(images), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()

    def _graphed(self, images: Tensor, labels: Tensor) -> None:
        """See the recipe of whole-network capture in PyTorch's notes on CUDA semantics."""
        if self._batch is None:
            self._batch = images.clone(), labels.clone()
        for buffer, given in zip(self._batch, (images, labels), strict=True):
            buffer.copy_(given)
        if self._graph is None and self._steps < WARM_UP_STEPS:
            self._steps += 1
            stream = _side_stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                self._eager(*self._batch)
            torch.cuda.current_stream().wait_stream(stream)
            return
        if self._graph is None:
            self._graph = torch.cuda.CUDAGraph()
            self._optimizer.zero_grad(set_to_none=True)
            with torch.cuda.graph(self._graph, stream=_side_stream()):
                self._eager(*self._batch)
        self._graph.replay()


@cache
def _side_stream() -> torch.cuda.Stream:
    """One for the process: memory and workspaces are kept for each stream that was ever used."""
    stream: torch.cuda.Stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    return stream
