import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.data.split import draw, groups

SHARES = (0.7, 0.15, 0.15)


def table(rows: int, distinct: int, seed: int) -> np.ndarray:
    """``rows`` rows of which many are equal, some by a missing value or a negative zero."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(-1, 3, (distinct, 3)).astype(np.float32)
    x = kinds[rng.integers(distinct, size=rows)]
    x[x < 0] = np.nan
    return np.where(rng.random(x.shape) < 0.5, x, np.where(x == 0, np.float32(-0.0), x))


def test_rows_are_in_one_group_if_all_their_values_are_equal_or_missing() -> None:
    nan = np.nan
    x = np.float32([[0, nan], [1, nan], [-0.0, nan], [0, 0], [1, nan]])
    group = groups(x)
    assert group[0] == group[2]
    assert group[1] == group[4]
    assert len(set(group)) == 3


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 200), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_every_row_falls_to_one_part_and_equal_rows_to_the_same(
    rows: int, distinct: int, seed: int
) -> None:
    x = table(rows, distinct, seed)
    strata = np.arange(rows) % 2
    parts = draw(x, strata, SHARES, seed)
    assert sorted(np.concatenate(parts)) == list(range(rows))
    group = groups(x)
    part = np.empty(rows, int)
    for index, members in enumerate(parts):
        part[members] = index
    assert all(len(set(part[group == one])) == 1 for one in range(group.max() + 1))


def test_parts_have_their_shares_of_every_stratum() -> None:
    x = np.arange(1000, dtype=np.float32)[:, None]
    strata = (np.arange(1000) < 100).astype(int)
    parts = draw(x, strata, SHARES, 0)
    assert [len(part) for part in parts] == [700, 150, 150]
    assert [strata[part].sum() for part in parts] == [70, 15, 15]


def test_the_seed_draws_the_split() -> None:
    x, strata = np.arange(100, dtype=np.float32)[:, None], np.zeros(100)
    first, again, other = (draw(x, strata, SHARES, seed)[2] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert set(first) != set(other)


@pytest.mark.parametrize("copies", [1, 7])
def test_big_groups_are_not_lost(copies: int) -> None:
    x = np.repeat(np.arange(20, dtype=np.float32), copies)[:, None]
    parts = draw(x, np.zeros(len(x)), (0.5, 0.5), 0)
    assert [len(part) for part in parts] == [10 * copies, 10 * copies]
