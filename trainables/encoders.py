"""BERT and DistilBERT from transformers, computed on packed texts.

Everything but attention works token by token, so a batch is one row of tokens without padding.
Attention within each text is PyTorch's ``varlen_attn`` (FlashAttention) on a GPU, and its SDPA on
one text after the other elsewhere. The former has no dropout of attention weights, so neither route
has any (``hidden_dropout_prob`` stays 0.1, as published). The weights, their names and their files
are those of transformers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import relu, scaled_dot_product_attention
from transformers import (
    AttentionInterface,
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedModel,
)

from trainables import memory
from trainables.data.sequences import Packed

ATTENTION = "warmtune-packed"
LONGEST = 512
"""The positions that the published models know."""

UNUSED = {"attention_probs_dropout_prob": 0.0}
UNUSED_DISTILBERT = {"attention_dropout": 0.0}


@dataclass(frozen=True)
class Architecture:
    """A model's shape, and its published weights on the Hugging Face Hub."""

    network: type[PreTrainedModel]
    shape: type[Any]
    fields: dict[str, Any]
    repository: str
    revision: str


ARCHITECTURES = {
    "bert-base": Architecture(
        BertForSequenceClassification,
        BertConfig,
        UNUSED,
        "google-bert/bert-base-uncased",
        "86b5e0934494bd15c9632b12f734a8a67f723594",
    ),
    "distilbert": Architecture(
        DistilBertForSequenceClassification,
        DistilBertConfig,
        UNUSED_DISTILBERT,
        "distilbert/distilbert-base-uncased",
        "12040accade4e8a0f71eabdb258fecc2e7e948be",
    ),
    "bert-tiny": Architecture(
        BertForSequenceClassification,
        BertConfig,
        {
            **UNUSED,
            "hidden_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 512,
        },
        "google/bert_uncased_L-2_H-128_A-2",
        "30b0a37ccaaa32f332884b96992754e246e48c5f",
    ),
}
"""The last is the smallest of I. Turc et al., Well-Read Students Learn Better (2019), for CPUs."""


@dataclass(frozen=True)
class Inputs:
    """A packed batch on a device; ``edges`` also as numbers, for the route without ``varlen``."""

    ids: Tensor
    positions: Tensor
    edges: Tensor
    spans: list[int]
    longest: int

    @classmethod
    def of(cls, packed: Packed, device: str) -> "Inputs":
        """Copy to ``device`` without waiting for it."""
        arrays = packed.ids, packed.positions, packed.edges
        ids, positions, edges = (moved(array, device) for array in arrays)
        return cls(ids, positions, edges, packed.edges.tolist(), packed.longest)


def moved(array: NDArray[Any], device: str) -> Tensor:
    """The array on ``device``; does not wait for a GPU."""
    tensor = torch.from_numpy(array)
    if device == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor


def build(
    model: str,
    config: Mapping[str, Any],
    classes: int = 2,
    vocabulary: int = 30_522,
    device: str = "cpu",
) -> PreTrainedModel:
    """The network of ``model`` with random weights, on any device, ``meta`` included.

    ``config`` may hold ``dropout``, that of the hidden states; nothing else changes the shape.
    Raises ``ValueError`` for an unknown model.
    """
    architecture = _architecture(model)
    fields = {**architecture.fields, "vocab_size": vocabulary, "num_labels": classes}
    shape = architecture.shape(**fields, **_dropout(architecture, config))
    shape._attn_implementation = ATTENTION
    with torch.device(device):
        return architecture.network(shape)


def _architecture(model: str) -> Architecture:
    if model not in ARCHITECTURES:
        raise ValueError(f"unknown model {model!r}. Known: {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[model]


def _dropout(architecture: Architecture, config: Mapping[str, Any]) -> dict[str, Any]:
    if "dropout" not in config:
        return {}
    rate = float(config["dropout"])
    if architecture.shape is DistilBertConfig:
        return {"dropout": rate, "seq_classif_dropout": rate}
    return {"hidden_dropout_prob": rate}


def published(model: str, directory: str) -> tuple[str, str]:
    """Folder or repository, and revision, of the published weights: a copy of the repository in
    ``directory``, or else the pinned state of the Hub, which its client fetches or has cached."""
    architecture = _architecture(model)
    copy = Path(directory) / architecture.repository
    if directory and (copy / "config.json").is_file():
        return str(copy), "main"
    return architecture.repository, architecture.revision


def read(
    model: str, source: str, revision: str, config: Mapping[str, Any], classes: int = 2
) -> PreTrainedModel:
    """The network of ``model`` with the weights of a folder, or of a repository of the Hub.

    The head is drawn anew unless the weights hold one for as many classes. Raises ``ValueError``
    for an unknown model, ``OSError`` if the weights cannot be had.
    """
    architecture = _architecture(model)
    network: PreTrainedModel = architecture.network.from_pretrained(
        source,
        revision=revision,
        num_labels=classes,
        attn_implementation=ATTENTION,
        ignore_mismatched_sizes=True,
        **{**architecture.fields, **_dropout(architecture, config)},
    )
    return network


def logits(network: PreTrainedModel, batch: Inputs) -> Tensor:
    """(texts, classes), as the network's own ``forward`` gives them for padded texts."""
    body: Any = network.base_model
    hidden = body.embeddings(input_ids=batch.ids[None], position_ids=batch.positions[None])
    layers = body.encoder if hasattr(body, "encoder") else body.transformer
    hidden = layers(
        hidden, attention_mask=None, edges=batch.edges, spans=batch.spans, longest=batch.longest
    ).last_hidden_state
    return _classified(network, hidden[0, batch.edges[:-1]])


class OnMeta(nn.Module):
    """``network`` on a batch of ``texts`` of ``longest`` tokens each, without values or memory.

    ``trainables.memory`` asks it what a training step keeps; ``inputs`` are what it is called with.
    """

    def __init__(self, network: PreTrainedModel, texts: int, longest: int) -> None:
        super().__init__()
        self.network = network
        self._spans = [longest * text for text in range(texts + 1)]
        self._longest = longest

    @property
    def inputs(self) -> tuple[Tensor, Tensor, Tensor]:
        """Word pieces, positions and where texts begin and end."""
        tokens, edges = self._spans[-1], len(self._spans)
        ids, positions = (torch.empty(tokens, dtype=torch.long, device="meta") for _ in range(2))
        return ids, positions, torch.empty(edges, dtype=torch.int32, device="meta")

    def forward(self, ids: Tensor, positions: Tensor, edges: Tensor) -> Tensor:
        """The logits of the texts."""
        return logits(self.network, Inputs(ids, positions, edges, self._spans, self._longest))


@lru_cache
def peak_bytes(model: str, classes: int, texts: int, longest: int, measured_tokens: int) -> int:
    """GPU memory that training takes at most on batches of ``texts`` of ``longest`` tokens each, or
    measuring ``measured_tokens`` at once if that takes more.
    """
    network = build(model, {}, classes, device="meta")
    batch = OnMeta(network, texts, longest)
    learning = memory.activation_bytes(batch, batch.inputs)
    measuring = measured_tokens * _passing_bytes(network)
    return memory.formula(network.num_parameters(), memory.ADAMW_BYTES, max(learning, measuring))


def _passing_bytes(network: PreTrainedModel) -> int:
    """What a token takes in bfloat16 where a layer is widest and nothing is kept for learning."""
    widest = max(part.out_features for part in network.modules() if isinstance(part, nn.Linear))
    return 2 * (2 * widest + 2 * int(network.config.hidden_size))


def _classified(network: Any, first: Tensor) -> Tensor:
    """From the hidden states of ``[CLS]`` (texts, width)."""
    if isinstance(network, DistilBertForSequenceClassification):
        pooled = relu(network.pre_classifier(first))
    else:
        pooled = network.bert.pooler(first[:, None])
    result: Tensor = network.classifier(network.dropout(pooled))
    return result


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    edges: Tensor,
    spans: list[int],
    longest: int,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention within each text; queries, keys and values are (1, heads, tokens, size)."""
    if _flash(query):
        from torch.nn.attention import SDPBackend, sdpa_kernel
        from torch.nn.attention.varlen import varlen_attn

        q, k, v = (states[0].transpose(0, 1) for states in (query, key, value))
        with sdpa_kernel(SDPBackend.FLASH_ATTENTION):  # cuDNN plans anew for each number of tokens
            attended: Any = varlen_attn(q, k, v, edges, edges, longest, longest)
        return attended[None], None
    parts = [
        scaled_dot_product_attention(
            query[:, :, begin:end], key[:, :, begin:end], value[:, :, begin:end]
        )
        for begin, end in pairwise(spans)
    ]
    return torch.cat(parts, dim=2).transpose(1, 2), None


def _flash(query: Tensor) -> bool:
    """FlashAttention wants an Ampere GPU or newer and 16 bits."""
    return (
        query.is_cuda
        and query.dtype in (torch.bfloat16, torch.float16)
        and torch.cuda.get_device_capability(query.device) >= (8, 0)
    )


AttentionInterface.register(ATTENTION, _attend)
