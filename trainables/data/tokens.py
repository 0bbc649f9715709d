"""Texts as token ids, cut once and whole: every ``max_seq_length`` is a slice of the same arrays.

BERT's uncased WordPiece (J. Devlin et al., BERT, NAACL 2019); the tests hold it equal to
``BertTokenizer`` of transformers.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.base import DataError
from trainables.data import arrays

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
FORMAT = "1"
BATCH = 1_000
LARGEST_VOCABULARY = 1 << 16

Ids = NDArray[np.uint16]
Offsets = NDArray[np.int64]


@dataclass(frozen=True)
class Vocabulary:
    """The word pieces by number, one a line as in BERT's ``vocab.txt``."""

    pieces: tuple[str, ...] = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> "Vocabulary":
        """Raises ``DataError`` if the file is no vocabulary of BERT."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: cannot be read as a vocabulary ({error})") from None
        pieces = tuple(text.removesuffix("\n").split("\n"))
        missing = [piece for piece in SPECIAL if piece not in pieces]
        if missing or len(pieces) > LARGEST_VOCABULARY or len(set(pieces)) < len(pieces):
            raise DataError(
                f"{path}: at most {LARGEST_VOCABULARY} different word pieces expected, one a line,"
                f" {', '.join(SPECIAL)} among them; got {len(pieces)} lines, {len(set(pieces))}"
                f" different, without {', '.join(missing) or 'none of those'}."
                " Take the vocab.txt of bert-base-uncased."
            )
        return cls(pieces)

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """The number of each piece."""
        return {piece: number for number, piece in enumerate(self.pieces)}

    def text(self, ids: Ids) -> str:
        """About what was cut into these pieces: in small letters, spaces around the signs."""
        return " ".join(self.pieces[number] for number in ids).replace(" ##", "")

    @property
    def digest(self) -> str:
        """Names the content."""
        return hashlib.sha256("\n".join(self.pieces).encode()).hexdigest()


@dataclass(frozen=True)
class Tokens:
    """Text ``i`` is ``ids[offsets[i] : offsets[i + 1]]``, without ``[CLS]`` and ``[SEP]``."""

    ids: Ids
    offsets: Offsets

    @cached_property
    def lengths(self) -> Offsets:
        """The number of tokens of each text."""
        return np.diff(self.offsets)

    def take(self, rows: NDArray[np.intp]) -> "Tokens":
        """The texts ``rows``, in that order."""
        parts = [self.ids[self.offsets[row] : self.offsets[row + 1]] for row in rows]
        return _joined(parts)


def tokenize(texts: Sequence[str], vocabulary: Vocabulary) -> Tokens:
    """Cut the texts into word pieces, none truncated; uses all CPUs that it may."""
    cutter = _cutter(vocabulary)
    return _joined(
        [
            np.array(encoding.ids, np.uint16)
            for begin in range(0, len(texts), BATCH)
            for encoding in cutter.encode_batch_fast(
                list(texts[begin : begin + BATCH]), add_special_tokens=False
            )
        ]
    )


def cached(texts: Sequence[str], vocabulary: Vocabulary, cache: Path | None) -> Tokens:
    """As ``tokenize``, kept in ``cache`` under a name that changes with any text and any piece.

    A file that cannot be read, or written, only costs the time to cut the texts again.
    """
    if cache is None:
        return tokenize(texts, vocabulary)
    path = cache / "tokens" / f"{_state(texts, vocabulary)}.npz"
    kept = arrays.read(path, ("ids", "offsets"))
    if kept and len(kept["offsets"]) == len(texts) + 1:
        return Tokens(kept["ids"], kept["offsets"])
    tokens = tokenize(texts, vocabulary)
    arrays.write(path, ids=tokens.ids, offsets=tokens.offsets)
    return tokens


def _state(texts: Sequence[str], vocabulary: Vocabulary) -> str:
    import tokenizers

    digest = hashlib.sha256(f"{FORMAT} {tokenizers.__version__} {vocabulary.digest}".encode())
    for text in texts:
        content = text.encode("utf-8", "surrogatepass")
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()[:32]


def _joined(parts: Sequence[Ids]) -> Tokens:
    offsets = np.zeros(len(parts) + 1, np.int64)
    np.cumsum([len(part) for part in parts], out=offsets[1:])
    return Tokens(np.concatenate([np.empty(0, np.uint16), *parts]), offsets)


def _cutter(vocabulary: Vocabulary) -> Any:
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")  # or it warns when Ray forks
    model = WordPiece(dict(vocabulary.numbers), unk_token="[UNK]", max_input_chars_per_word=100)
    cutter = Tokenizer(model)
    cutter.normalizer = BertNormalizer(lowercase=True)
    cutter.pre_tokenizer = BertPreTokenizer()
    return cutter


def pieces(tokens: Tokens) -> Iterator[bytes]:
    """The tokens of each text as bytes: equal for texts that no model can tell apart."""
    for begin, end in pairwise(tokens.offsets):
        yield tokens.ids[begin:end].tobytes()
