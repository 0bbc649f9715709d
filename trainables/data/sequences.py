"""Batches of texts without padding: their tokens in one row, end to end (packing).

Padding to a fixed 512 makes an epoch of IMDB cost 1.9 times and one of AG News 10 times as much
(``benchmarks/texts.py``). The batches are those that a plain loop draws; only the padding goes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainables.data.split import Rows
from trainables.data.tokens import Tokens, Vocabulary

ADDED = 2
"""``[CLS]`` before and ``[SEP]`` after each text count towards its maximum length."""


@dataclass(frozen=True)
class Packed:
    """``n`` texts: ``ids`` and ``positions`` (tokens,), text ``i`` from ``edges[i]`` up to
    ``edges[i + 1]``, of which the longest has ``longest`` tokens."""

    ids: NDArray[np.int64]
    positions: NDArray[np.int64]
    edges: NDArray[np.int32]
    longest: int


def clipped(lengths: NDArray[np.int64], max_length: int) -> NDArray[np.int64]:
    """What texts of ``lengths`` tokens take in a batch."""
    return np.minimum(lengths + ADDED, max_length)


def pack(tokens: Tokens, rows: Rows, max_length: int, vocabulary: Vocabulary) -> Packed:
    """The texts ``rows``, each cut at the end to ``max_length`` tokens, with their marks."""
    length = clipped(tokens.lengths[rows], max_length)
    edges = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(length, out=edges[1:])
    starts = edges[:-1]
    positions = np.arange(edges[-1]) - np.repeat(starts, length)
    sources = positions - 1 + np.repeat(tokens.offsets[rows], length)
    ids = np.zeros(len(sources), np.int64)
    if len(tokens.ids):
        ids[:] = tokens.ids.take(sources, mode="clip")
    ids[starts] = vocabulary.numbers["[CLS]"]
    ids[edges[1:] - 1] = vocabulary.numbers["[SEP]"]
    return Packed(ids, positions, edges.astype(np.int32), int(length.max()))


def by_length(tokens: Tokens, max_length: int, budget: int) -> Iterator[Rows]:
    """All texts in batches of at most ``budget`` tokens, or of one text, the longest first.

    What runs out of memory does so at the first batch.
    """
    length = clipped(tokens.lengths, max_length)
    order = np.argsort(-length, kind="stable")
    begin = 0
    while begin < len(order):
        taken = np.cumsum(length[order[begin : begin + budget]])
        end = begin + max(1, int(np.searchsorted(taken, budget, "right")))
        yield order[begin:end]
        begin = end
