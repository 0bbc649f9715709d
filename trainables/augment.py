"""Random flips, shifts and turns of a whole batch on its device, one draw for each image."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def augment(images: Tensor, how: Mapping[str, Any]) -> Tensor:
    """The batch (n, channels, height, width) of uint8 as floats of 0 to 255, changed at random.

    ``flip`` mirrors every other image, ``crop`` shifts by up to so many pixels and ``rotation``
    turns by up to so many degrees; what comes in is black. Draws from the default generator of the
    CPU, so that a GPU sees the same images.
    """
    if how["flip"]:
        mirrored = _draw(len(images), images) < 0.5
        images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
    if how["crop"]:
        images = _shift(images, int(how["crop"]))
    changed = images.float()
    return _turn(changed, float(how["rotation"])) if how["rotation"] else changed


def _draw(count: int, like: Tensor) -> Tensor:
    return torch.rand(count).to(like.device, non_blocking=True)


def _shift(images: Tensor, reach: int) -> Tensor:
    """Copies whole lines of pixels: an index for each pixel would cost most of the time."""
    count, channels, height, width = images.shape
    padded = functional.pad(images, (reach, reach, reach, reach)).permute(0, 2, 3, 1).contiguous()
    down, right = ((_draw(count, images) * (2 * reach + 1)).long() for _ in range(2))
    line, tall = padded[0, 0].numel(), padded.shape[1]
    corners = (torch.arange(count, device=images.device) * tall + down) * line + right * channels
    starts = corners[:, None] + torch.arange(height, device=images.device) * line
    segments = padded.view(-1).unfold(0, width * channels, 1)
    chosen = segments.index_select(0, starts.view(-1))
    return chosen.view(count, height, width, channels).permute(0, 3, 1, 2)


def _turn(images: Tensor, degrees: float) -> Tensor:
    angle = (_draw(len(images), images) * 2 - 1) * math.radians(degrees)
    sine, cosine, zero = angle.sin(), angle.cos(), torch.zeros_like(angle)
    matrix = torch.stack([cosine, -sine, zero, sine, cosine, zero], 1).view(-1, 2, 3)
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)
