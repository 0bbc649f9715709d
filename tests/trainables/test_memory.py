"""Peak memory of a training step, told from meta tensors."""

import pytest
import torch
from torch import nn

from trainables.memory import activation_bytes, formula, fused_attention, peak_bytes


def resnet() -> nn.Module:
    import torchvision

    with torch.device("meta"):
        module = torchvision.models.resnet50(num_classes=10)
    assert isinstance(module, nn.Module)
    return module


def test_the_formula_adds_up() -> None:
    million = 1_000_000
    expected = 1.10 * (550 * million + 18 * million + 1.15 * 1000 * million + 400 * million)
    assert formula(million, 16, 1000 * million) == round(expected)


def test_a_linear_layer_keeps_its_input_once_and_no_parameter() -> None:
    with torch.device("meta"):
        module = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
        inputs = (torch.empty(32, 8),)
    assert activation_bytes(module, inputs) == 2 * 32 * (8 + 16)


def test_resnet_50_keeps_what_was_published_for_it() -> None:
    with torch.device("meta"):
        images = torch.empty(4, 3, 224, 224)
    assert activation_bytes(resnet(), (images,)) / 4 == pytest.approx(43.8e6, rel=0.01)


def test_a_larger_batch_needs_more() -> None:
    with torch.device("meta"):
        small, large = torch.empty(4, 3, 32, 32), torch.empty(64, 3, 32, 32)
    module = resnet()
    assert peak_bytes(module, (small,)) < peak_bytes(module, (large,))
    assert peak_bytes(module, (small,), 12) < peak_bytes(module, (small,), 16)


def test_attention_counts_as_fused() -> None:
    """Nothing of the size rows times rows is kept."""
    query = torch.empty(1, 2, 512, 64, device="meta", requires_grad=True)
    kept: list[int] = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor.numel())
        return tensor

    with fused_attention(), torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        nn.functional.scaled_dot_product_attention(query, query, query)
    assert max(kept) == query.numel()
