"""Whether the product and the plain way train the same network (``benchmarks.network``).

Both begin with the same weights and take the same steps on one batch, without augmentation and
dropout; then their weights are compared. Of an image network only the last step moves the weights,
by all gradients so far: several would not be comparable, as batch norms make rounding grow from
step to step until even float64 gives another network.
"""

from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.network_cases import BATCH, Case, Marks
from benchmarks.network_plain import Loop, Padded, network_of, sets_of
from trainables import text
from trainables.training import Training

STEPS = 8
"""Enough to capture a CUDA graph and to replay it."""

TOLERANCE = {"cuda": 0.25, "cpu": 1e-3}
"""Of the difference, as a share of how far the weights moved: in bfloat16, and in float32."""


def check(case: Case, device: str) -> dict[str, Any]:
    """The relative difference, and whether it is within the tolerance."""
    torch.manual_seed(0)
    train = _texts if case.longest else _images
    begun, mine, theirs = train(case, case.data(BATCH), device)
    difference = float((mine - theirs).norm() / (mine - begun).norm())
    tolerance = TOLERANCE[device]
    return {"difference": difference, "tolerance": tolerance, "equal": difference <= tolerance}


def _images(case: Case, data: Any, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """The weights before, and after ours and theirs."""
    pixels = torch.from_numpy(data.images[:BATCH]).permute(0, 3, 1, 2) / 255 - 0.5
    images, labels = pixels.to(device), torch.from_numpy(data.labels[:BATCH]).to(device)
    network, other = network_of(case), network_of(case)
    other.load_state_dict(network.state_dict())
    begun = _weights(network.to(device))
    mine = Training(_certain(network), case.config, device)
    theirs = Loop(case, _certain(other), device, lambda step: float(step == STEPS - 1))
    for step in range(STEPS):
        mine.step(images, labels, case.config["learning_rate"] * (step == STEPS - 1))
        theirs.step(images, labels)
    return begun, _weights(network), _weights(other)


def _texts(case: Case, data: Any, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """The weights before, and after ours and theirs."""
    setting = text.Setting.of({**case.config, "init": "scratch"})
    mine = text.Training(setting, Marks(case.model, data, device, STEPS))
    other = network_of(case)
    other.load_state_dict(mine.network.state_dict())
    begun = _weights(_certain(mine.network))
    theirs = Loop(case, _certain(other), device, lambda step: 1 - step / STEPS)
    learned = sets_of(case, data)()[0]
    assert isinstance(learned, Padded)
    for _ in range(STEPS):
        mine.network.train()
        mine.step(data.train)
        theirs.step(learned.ids, learned.mask, torch.from_numpy(learned.labels))
    return begun, _weights(mine.network), _weights(other)


def _weights(network: nn.Module) -> Tensor:
    return torch.cat([weights.detach().flatten().clone() for weights in network.parameters()])


def _certain(network: nn.Module) -> nn.Module:
    """Without dropout, and without leaving out blocks."""
    for part in network.modules():
        if hasattr(part, "p"):
            part.p = 0.0  # type: ignore[assignment]
    return network
