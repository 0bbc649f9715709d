import numpy as np
import pytest

from tests.trainables.texts import VOCABULARY, letters
from trainables.data.sequences import by_length, pack
from trainables.data.tokens import Tokens

TOKENS = letters()[0].texts.tokens
CLS, SEP = VOCABULARY.numbers["[CLS]"], VOCABULARY.numbers["[SEP]"]


@pytest.mark.parametrize("max_length", [3, 10, 512])
def test_a_packed_text_is_a_slice_of_the_whole_one_between_its_marks(max_length: int) -> None:
    rows = np.array([5, 0, 17, 31])
    packed = pack(TOKENS, rows, max_length, VOCABULARY)
    whole = np.split(TOKENS.ids, TOKENS.offsets[1:-1])
    for row, begin, end in zip(rows, packed.edges, packed.edges[1:], strict=False):
        expected = [CLS, *whole[row][: max_length - 2], SEP]
        assert packed.ids[begin:end].tolist() == expected
        assert packed.positions[begin:end].tolist() == list(range(len(expected)))
    assert packed.longest == max(np.diff(packed.edges)) <= max_length


def test_empty_texts_are_their_marks() -> None:
    nothing = Tokens(np.empty(0, np.uint16), np.zeros(3, np.int64))
    assert pack(nothing, np.array([1, 0]), 8, VOCABULARY).ids.tolist() == [CLS, SEP, CLS, SEP]


@pytest.mark.parametrize("budget", [1, 50, 10_000])
def test_batches_by_length_hold_every_row_once_within_the_budget(budget: int) -> None:
    batches = list(by_length(TOKENS, 20, budget))
    assert sorted(np.concatenate(batches)) == list(range(32))
    sizes = [pack(TOKENS, rows, 20, VOCABULARY).edges[-1] for rows in batches]
    assert all(size <= budget or len(rows) == 1 for size, rows in zip(sizes, batches, strict=True))
    longest = [pack(TOKENS, rows, 20, VOCABULARY).longest for rows in batches]
    assert longest == sorted(longest, reverse=True)
