"""Peak memory of a training step, told from meta tensors."""

from typing import Any

import pytest
import torch
from torch import nn

from trainables import encoders, text
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


def test_resnet_50_keeps_what_was_estimated_for_it() -> None:
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


def test_a_token_takes_as_much_memory_as_was_estimated() -> None:
    """0.35 MB a token of BERT-base in training with fused attention, of DistilBERT half of it."""
    kept = []
    for model in ("bert-base", "distilbert"):
        batch = encoders.OnMeta(encoders.build(model, {}, device="meta"), 4, 128)
        kept.append(activation_bytes(batch, batch.inputs) / (4 * 128))
    assert kept == pytest.approx([0.35e6, 0.175e6], rel=0.05)


def test_memory_is_told_by_batch_size_and_length_alone() -> None:
    def told(**config: Any) -> int:
        return text.peak_bytes(config, "imdb", "distilbert")

    assert told(batch_size=16, max_seq_length=512) > told(batch_size=16, max_seq_length=256)
    assert told(batch_size=64) > told(batch_size=32)
    assert told(learning_rate=1e-3, init="scratch") == told()
    assert told(batch_size=1, max_seq_length=8) == told(batch_size=1), "measuring takes more"
