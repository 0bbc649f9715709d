"""What a network begins with: published weights, a checkpoint of the user's, or chance."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.base import DataError, DataUnavailable

Weights = dict[str, NDArray[np.floating[Any]]]
PUBLISHED = {"resnet50": "ResNet50_Weights", "efficientnet-b0": "EfficientNet_B0_Weights"}
"""The enumerations of torchvision; the default of each is trained on ImageNet-1k."""


def initial_weights(model: str, options: Mapping[str, Any]) -> Weights | None:
    """The weights by name as ``init`` and ``checkpoint`` ask; None for random ones.

    A network that has published weights begins with them unless told otherwise. Raises
    ``DataUnavailable`` if they cannot be fetched, ``DataError`` for a file that holds none.
    """
    if checkpoint := options.get("checkpoint"):
        return read_weights(Path(checkpoint))
    init = options.get("init", "pretrained" if model in PUBLISHED else "scratch")
    if init == "scratch":
        return None
    if model not in PUBLISHED:
        raise DataError(f"model.init: {model} has no published weights. Write init: scratch.")
    return _fetch(model)


def read_weights(path: Path) -> Weights:
    """The tensors of a safetensors file, or of a PyTorch file that holds nothing but tensors."""
    import torch
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
        return {name: tensor.float().numpy() for name, tensor in state.items()}
    except Exception as error:  # each format has errors of its own
        reason = str(error).partition("\n")[0]
        advice = "Name a safetensors file, or a .pt file of a state dict."
        raise DataError(f"model.checkpoint: {path}: no weights ({reason}). {advice}") from None


def _fetch(model: str) -> Weights:
    """From torchvision's server, or the cache of ``torch.hub``; checked by their hash there."""
    from torchvision import models

    weights = getattr(models, PUBLISHED[model]).DEFAULT
    try:
        state = weights.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise DataUnavailable(
            f"cannot fetch the published weights of {model} ({error}). Put {weights.url} into"
            " $TORCH_HOME/hub/checkpoints, name a file of your own with --set"
            " model.checkpoint=FILE, or begin from random weights with --set model.init=scratch."
        ) from None
    return {name: tensor.float().numpy() for name, tensor in state.items()}
