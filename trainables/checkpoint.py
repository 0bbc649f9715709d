"""The state of a training in one file: tensors and numbers, read without running code."""

import logging
from pathlib import Path
from typing import Any

import torch

FILE = "state.pt"


def write(state: dict[str, Any], folder: Path) -> None:
    """Keep ``state`` and the state of PyTorch's random generators in ``folder``."""
    generators = {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}
    torch.save({**state, "generators": generators}, folder / FILE)


def read(folder: Path | None) -> dict[str, Any] | None:
    """What ``write`` kept, its tensors on the CPU, the generators set back; None without a folder.

    A file that cannot be read counts as none, with a warning: the training starts anew.
    """
    if folder is None:
        return None
    try:
        state: dict[str, Any] = torch.load(folder / FILE, "cpu", weights_only=True)
        generators = state.pop("generators")
    except Exception:  # whatever the damaged bytes make of the reader
        logging.warning("checkpoint %s is damaged, the trial starts anew", folder / FILE)
        return None
    torch.set_rng_state(generators["cpu"])
    for device, generator in zip(
        range(torch.cuda.device_count()), generators["cuda"], strict=False
    ):
        torch.cuda.set_rng_state(generator, device)
    return state
