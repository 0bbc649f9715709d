from pathlib import Path

import numpy as np
import pytest
from transformers import BertTokenizer

from trainables.base import DataError
from trainables.data import tokens
from trainables.data.tokens import SPECIAL, Tokens, Vocabulary, cached, pieces, tokenize

WORDS = ("the", "film", "##s", "##ing", "act", "un", "##aff", "##able", "!", ",", "e", "##e", "5")
VOCABULARY = Vocabulary((*SPECIAL, *WORDS))
TEXTS = [
    "The films, acting unaffable!",
    "",
    "FILM\tfilm\r\n\u00e9 5 \u4e2d unknown " + "the" * 40,
    "the acts " * 30,
]


def test_a_text_is_cut_as_transformers_cuts_it_and_not_truncated() -> None:
    found = tokenize(TEXTS, VOCABULARY)
    reference = BertTokenizer(vocab=dict(VOCABULARY.numbers))
    expected = reference(TEXTS, add_special_tokens=False)["input_ids"]
    assert [list(text) for text in _texts(found)] == expected
    assert max(found.lengths) == 90


def test_texts_that_no_model_can_tell_apart_are_equal_bytes() -> None:
    first, second, third = pieces(tokenize(["The film", "the  FILM", "film the"], VOCABULARY))
    assert first == second != third


def test_rows_are_taken_in_the_order_asked_for() -> None:
    whole = tokenize(TEXTS, VOCABULARY)
    some = whole.take(np.array([3, 1, 0]))
    expected = _texts(whole)
    for text, row in zip(_texts(some), (3, 1, 0), strict=True):
        np.testing.assert_array_equal(text, expected[row])


def test_what_was_cut_once_is_read_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = cached(TEXTS, VOCABULARY, tmp_path)
    monkeypatch.setattr(tokens, "tokenize", lambda *_: pytest.fail("cut again"))
    again = cached(TEXTS, VOCABULARY, tmp_path)
    np.testing.assert_array_equal(again.ids, fresh.ids)
    np.testing.assert_array_equal(again.offsets, fresh.offsets)
    with pytest.raises(pytest.fail.Exception):
        cached([*TEXTS[:-1], "the act"], VOCABULARY, tmp_path)
    with pytest.raises(pytest.fail.Exception):
        cached(TEXTS, Vocabulary((*SPECIAL, *WORDS[::-1])), tmp_path)


def test_texts_of_other_borders_are_other_texts(tmp_path: Path) -> None:
    assert len(cached(["the film", ""], VOCABULARY, tmp_path).lengths) == 2
    np.testing.assert_array_equal(cached(["the", " film"], VOCABULARY, tmp_path).lengths, [1, 1])


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_a_damaged_cache_is_made_anew(tmp_path: Path, content: bytes | None) -> None:
    fresh = cached(TEXTS, VOCABULARY, tmp_path)
    (path,) = (tmp_path / "tokens").iterdir()
    path.write_bytes(path.read_bytes()[:-40] if content is None else content)
    np.testing.assert_array_equal(cached(TEXTS, VOCABULARY, tmp_path).ids, fresh.ids)
    assert [file.name for file in (tmp_path / "tokens").iterdir()] == [path.name]


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("a file in the way")
    assert len(cached(TEXTS, VOCABULARY, tmp_path).lengths) == len(TEXTS)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[PAD]\n[UNK]\nthe\n", r"without \[CLS\], \[SEP\], \[MASK\]"),
        ("\n".join([*SPECIAL, "a", "a"]).encode(), "7 lines, 6 different"),
        (b"\xff\xfe", "cannot be read as a vocabulary"),
        (None, "cannot be read as a vocabulary"),
    ],
)
def test_a_file_that_is_no_vocabulary_is_refused(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "vocab.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        Vocabulary.read(path)


def test_a_vocabulary_may_hold_marks_that_end_lines_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join([*SPECIAL, "\u2028", "a"]) + "\n", encoding="utf-8")
    assert Vocabulary.read(path).numbers["a"] == 6


def _texts(found: Tokens) -> list[np.ndarray]:
    return np.split(found.ids, found.offsets[1:-1])
