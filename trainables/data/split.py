"""Splits that keep identical rows on one side and the classes in proportion, and their names."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.base import DataError, DataRequest

Rows = NDArray[np.intp]
Parts = tuple[Rows, ...]
PARTS = ("train", "validation", "test")
SHARES = (0.70, 0.15, 0.15)
FIT_SHARES = (0.85, 0.15)
"""Of train and validation where the test part is the published one."""


def split(
    request: DataRequest,
    x: NDArray[Any],
    strata: NDArray[Any],
    official: int | None,
    others: Iterable[str],
) -> Parts:
    """Row numbers to train, validate and test on.

    ``official`` rows come before the published test part, if there is one; ``others`` are the data
    sets that have one. Raises ``DataError`` for a split that the data set has not.
    """
    if request.split == "random":
        return draw(x, strata, SHARES, request.seed)
    if request.split != "official":
        raise DataError(f"split: random or official expected, got {request.split!r}")
    if not official:
        known = ", ".join(others)
        raise DataError(f"{request.dataset} has no official split; these have one: {known}")
    fit = draw(x[:official], strata[:official], FIT_SHARES, request.seed)
    return (*fit, np.arange(official, len(strata)))


def counts(parts: Parts) -> dict[str, int]:
    """How many rows each part has, by its name."""
    return {name: len(part) for name, part in zip(PARTS, parts, strict=True)}


def fingerprint(
    request: DataRequest, head: str, arrays: Iterable[NDArray[Any]], lists: Iterable[NDArray[Any]]
) -> str:
    """Names data and split: what stands in the head, the bytes of arrays, lists of whole numbers.

    The same in every process and on every machine if the arrays' bytes are.
    """
    digest = hashlib.sha256(head.encode())
    for array in arrays:
        digest.update(array.tobytes())
    for numbers in lists:
        digest.update(len(numbers).to_bytes(8, "little") + numbers.astype("<i8").tobytes())
    return ("synthetic-" if request.synthetic else "") + digest.hexdigest()[:16]


def groups(x: NDArray[Any]) -> Rows:
    """A number for each row, the same for rows with the same values (missing equals missing)."""
    plain = np.ascontiguousarray(x + 0.0)  # -0.0 becomes 0.0: equal numbers get equal bytes
    rows = plain.view(np.dtype((np.void, plain.itemsize * plain.shape[1]))).ravel()
    return np.unique(rows, return_inverse=True)[1]


def draw(x: NDArray[Any], strata: NDArray[Any], shares: Sequence[float], seed: int) -> Parts:
    """Row numbers of each part, in order; parts have ``shares`` of the rows of every stratum.

    Groups of identical rows are shuffled whole within the stratum of their first row, laid end to
    end, and fall to the part in which their middle lies.
    """
    group = groups(x)
    _, first, size = np.unique(group, return_index=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(size))
    part = np.empty(len(size), np.intp)
    for stratum in np.unique(strata):
        members = order[strata[first[order]] == stratum]
        end = np.cumsum(size[members])
        if len(end):
            middle = (end - size[members] / 2) / end[-1]
            part[members] = np.searchsorted(np.cumsum(shares)[:-1], middle)
    return tuple(np.flatnonzero(part[group] == index) for index in range(len(shares)))
