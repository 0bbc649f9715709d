"""Splits that keep identical rows on one side and the classes in proportion."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]


def groups(x: NDArray[Any]) -> Rows:
    """A number for each row, the same for rows with the same values (missing equals missing)."""
    plain = np.ascontiguousarray(x + 0.0)  # -0.0 becomes 0.0: equal numbers get equal bytes
    rows = plain.view(np.dtype((np.void, plain.itemsize * plain.shape[1]))).ravel()
    return np.unique(rows, return_inverse=True)[1]


def draw(
    x: NDArray[Any], strata: NDArray[Any], shares: Sequence[float], seed: int
) -> tuple[Rows, ...]:
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
