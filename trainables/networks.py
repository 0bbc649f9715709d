"""The networks for images, on any device: torchvision's, with stems for small images.

Below ``SMALL`` pixels ``resnet50`` begins with a 3 by 3 convolution of stride 1 and no pooling, as
K. He et al. (arXiv 1512.03385, section 4.2) do on CIFAR, and ``efficientnet-b0`` with stride 1:
else 32 pixels would be one before the last stage. ``resnet8`` is the smallest of He et al.'s
networks for CIFAR (6n + 2 layers, n = 1). All have dropout before the last layer.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torchvision import models
from torchvision.models.resnet import BasicBlock

from trainables import memory

SMALL = 64
MODELS = ("resnet50", "efficientnet-b0", "resnet8")
HEADS = ("fc.", "classifier.", "head.")


def build(
    model: str, config: Mapping[str, Any], classes: int, shape: tuple[int, int, int]
) -> nn.Module:
    """The network for images of ``shape`` (height, width, channels), randomly initialised.

    It maps (n, channels, height, width) to (n, classes) logits. Raises ``ValueError`` for an
    unknown model. Within ``torch.device("meta")`` it takes no memory.
    """
    dropout, small = float(config.get("dropout", 0.0)), shape[0] < SMALL
    if model == "resnet50":
        return _resnet50(dropout, classes, shape[2], small)
    if model == "efficientnet-b0":
        return _efficientnet(dropout, classes, shape[2], small)
    if model == "resnet8":
        return ResNet8(dropout, classes, shape[2])
    raise ValueError(f"unknown model {model!r}. Known: {', '.join(MODELS)}")


@lru_cache
def peak_bytes(model: str, classes: int, shape: tuple[int, int, int], size: int) -> int:
    """GPU memory that training on batches of ``size`` images takes at most, without the images."""
    height, width, channels = shape
    with torch.device("meta"):
        network = build(model, {}, classes, shape)
        batch = torch.empty(size, channels, height, width)
    return memory.peak_bytes(network, (batch,), memory.SGD_BYTES)


class ResNet8(nn.Sequential):
    """Three stages of 16, 32 and 64 channels, one residual block each."""

    def __init__(self, dropout: float, classes: int, channels: int) -> None:
        def shrink(before: int, after: int) -> nn.Sequential:
            return nn.Sequential(nn.Conv2d(before, after, 1, 2, bias=False), nn.BatchNorm2d(after))

        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()
        )
        self.stages = nn.Sequential(
            BasicBlock(16, 16),
            BasicBlock(16, 32, 2, shrink(16, 32)),
            BasicBlock(32, 64, 2, shrink(32, 64)),
        )
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(64, classes))


def load_weights(network: nn.Module, weights: Mapping[str, Any]) -> None:
    """Begin with given weights; a last layer for other classes stays random.

    Of a larger kernel the middle is taken. Raises ``ValueError`` naming what does not fit.
    """
    state = network.state_dict()
    for name, own in state.items():
        head = name.startswith(HEADS)
        if name not in weights and not head and not name.endswith("num_batches_tracked"):
            raise ValueError(f"checkpoint: no weights for {name}; it is of another network")
        given = torch.as_tensor(weights[name]) if name in weights else own
        fitted = _middle(given, own)
        if fitted.shape == own.shape:
            own.copy_(fitted)
        elif not head:
            raise ValueError(f"checkpoint: {name} is {tuple(given.shape)}, not {tuple(own.shape)}")


def _middle(given: Tensor, own: Tensor) -> Tensor:
    if given.dim() == own.dim() == 4 and given.shape[2] > own.shape[2]:
        cut, size = (given.shape[2] - own.shape[2]) // 2, own.shape[2]
        return given[:, :, cut : cut + size, cut : cut + size]
    return given


def _resnet50(dropout: float, classes: int, channels: int, small: bool) -> nn.Module:
    network: nn.Module = models.resnet50()
    if small:
        network.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
        network.maxpool = nn.Identity()
    network.fc = nn.Sequential(nn.Dropout(dropout), nn.Linear(2048, classes))
    return network


def _efficientnet(dropout: float, classes: int, channels: int, small: bool) -> nn.Module:
    network: nn.Module = models.efficientnet_b0(num_classes=classes, dropout=dropout)
    if small:
        stem: Any = network.features
        stem[0][0] = nn.Conv2d(channels, 32, 3, stride=1, padding=1, bias=False)
    return network
