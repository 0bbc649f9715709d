"""No trial sees the test part: it is nowhere in what all trainings are given.

Ray hands the payload over pickled, so whatever is in it lies in those bytes.
"""

import pickle
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.trainables.data.test_texts import WORDS, write
from trainables import image, tabular
from trainables.base import DataRequest
from trainables.data import texts

LEAST_BYTES = 32
"""What is shorter may be there by chance."""


def found(rows: list[NDArray[np.generic]], payload: object) -> list[bool]:
    """Which of the rows lie in the payload."""
    held = pickle.dumps(payload)
    told = [row.tobytes() for row in rows]
    return [text in held for text in told if len(text) >= LEAST_BYTES]


@pytest.mark.parametrize(
    ("dataset", "split"), [("diabetes", "random"), ("adult", "random"), ("adult", "official")]
)
def test_no_test_row_of_a_table_is_in_the_payload(dataset: str, split: str) -> None:
    request = DataRequest(dataset, 0, split=split, synthetic=dataset == "adult")
    data = tabular.load(request)
    assert data.held_out.x.base is None, "a view would carry the whole table along"
    assert all(found(list(data.payload.x[:50]), data.payload))
    assert not any(found(list(data.held_out.x[:50]), data.payload))


def test_no_test_image_is_in_the_payload() -> None:
    data = image.load(DataRequest("digits", 0, model="resnet8"))
    assert all(found(list(data.payload.images[:50]), data.payload))
    assert not any(found(list(data.held_out.images[:50]), data.payload))


def test_no_test_text_is_in_the_payload(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    given = [" ".join(random.choice(WORDS, 16)) for _ in range(60)]
    data = texts.load(write(tmp_path, train=given))
    assert all(found(_texts(data.payload.texts), data.payload))
    test = found(_texts(data.held_out), data.payload)
    assert len(test) > 5
    assert not any(test)


def _texts(part: texts.Texts) -> list[NDArray[np.generic]]:
    """The tokens of the first texts, which lie end to end."""
    tokens = part.tokens
    spans = zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True)
    return [tokens.ids[begin:end] for begin, end in list(spans)[:50]]
