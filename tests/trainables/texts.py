"""A small data set of texts, and small networks in the place of the published ones."""

from dataclasses import replace

import numpy as np
import pytest

from trainables import encoders
from trainables.data.texts import TextData, Texts
from trainables.data.tokens import SPECIAL, Tokens, Vocabulary

VOCABULARY = Vocabulary((*SPECIAL, *(chr(letter) for letter in range(97, 123))))
FIELDS = {
    "bert-tiny": {"hidden_size": 16, "intermediate_size": 32},
    "bert-base": {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    },
    "distilbert": {"dim": 16, "hidden_dim": 32, "n_layers": 2, "n_heads": 2},
}


def letters(count: int = 40, classes: int = 3) -> tuple[TextData, Texts]:
    """``count`` texts of 0 to 30 letters in which each class has its favourites; a test part."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % classes
    offsets = np.concatenate([[0], np.cumsum(rng.integers(0, 31, count))])
    owner = np.repeat(labels, np.diff(offsets))
    drawn = np.where(rng.random(len(owner)) < 0.5, owner, rng.integers(0, 26, len(owner)))
    texts = Texts(Tokens((drawn + len(SPECIAL)).astype(np.uint16), offsets), labels)
    seen, test = np.split(rng.permutation(count), [count * 8 // 10])
    train, validation = np.split(rng.permutation(len(seen)), [count * 6 // 10])
    names = tuple(f"class {number}" for number in range(classes))
    data = TextData("accuracy", names, VOCABULARY, texts.take(seen), train, validation, "letters")
    return data, texts.take(test)


def shrink(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every architecture two layers of width 16."""
    for name, fields in FIELDS.items():
        published = encoders.ARCHITECTURES[name]
        small = replace(published, fields={**published.fields, **fields})
        monkeypatch.setitem(encoders.ARCHITECTURES, name, small)
