"""IMDB and AG News: texts with classes, cut into tokens once, split and named by a fingerprint."""

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.base import Data, DataError, DataRequest
from trainables.data import hub
from trainables.data.features import balance
from trainables.data.split import FIT_SHARES, SHARES, Parts, Rows, counts, draw, fingerprint
from trainables.data.tokens import SPECIAL, Tokens, Vocabulary, cached, pieces

METRICS = ("accuracy", "macro_f1")
VOCABULARY = "google-bert/bert-base-uncased"
VOCABULARY_REVISION = "86b5e0934494bd15c9632b12f734a8a67f723594"

LONGEST_TEXT = 1_000_000
"""Characters; a longer one is no review and no news item."""

UNREADABLE_SHARE = 0.01
SHOWN = 5
SYNTHETIC_ROWS = 2_000
SYNTHETIC_PIECES = 5_000


@dataclass(frozen=True)
class Source:
    """A data set on the Hugging Face Hub with the columns ``text`` and ``label``.

    ``typical`` and ``spread`` are the median number of tokens and the standard deviation of its
    natural logarithm, which generated data copy.
    """

    repository: str
    classes: tuple[str, ...]
    typical: int
    spread: float


SOURCES = {
    "imdb": Source("stanfordnlp/imdb", ("neg", "pos"), 225, 0.66),
    "ag-news": Source("fancyzhx/ag_news", ("World", "Sports", "Business", "Sci/Tech"), 48, 0.27),
}


@dataclass(frozen=True)
class Texts:
    """Texts as tokens, and the numbers of their classes (texts,)."""

    tokens: Tokens
    labels: NDArray[np.int64]

    def take(self, rows: Rows) -> "Texts":
        """The texts ``rows``, in that order."""
        return Texts(self.tokens.take(rows), self.labels[rows])


@dataclass(frozen=True)
class TextData:
    """One data set, split and ready to be shared: arrays and the vocabulary, no text.

    ``train`` and ``validation`` are rows of ``texts``; the test part is not in it. ``metric`` is
    what a trial reports, ``directory`` the user's data directory, where weights may lie, too.
    """

    metric: str
    classes: tuple[str, ...]
    vocabulary: Vocabulary = field(repr=False)
    texts: Texts = field(repr=False)
    train: Rows = field(repr=False)
    validation: Rows = field(repr=False)
    fingerprint: str
    directory: str = ""


@dataclass(frozen=True)
class _Whole:
    """A data set before its split, the first ``official`` texts being meant for training."""

    vocabulary: Vocabulary
    texts: Texts
    official: int


def load(request: DataRequest) -> Data:
    """Read or fetch the data set, cut it into tokens and draw its split; raises ``DataError``."""
    source = _source(request)
    metric = request.metric or METRICS[0]
    if metric not in METRICS:
        known = ", ".join(METRICS)
        raise DataError(f"metric {metric!r} is not measured on {request.dataset}. Known: {known}")
    if request.split not in ("random", "official"):
        raise DataError(f"split: random or official expected, got {request.split!r}")
    whole = synthesize(source, request.seed) if request.synthetic else _read(source, request)
    parts = train, validation, test = _split(request, whole)
    seen, tokens = np.sort(np.concatenate([train, validation])), whole.texts.tokens
    data = TextData(
        metric=metric,
        classes=source.classes,
        vocabulary=whole.vocabulary,
        texts=whole.texts.take(seen),
        train=np.searchsorted(seen, train),
        validation=np.searchsorted(seen, validation),
        fingerprint=fingerprint(
            request,
            f"{request.dataset} {whole.vocabulary.digest}",
            (values.astype("<i8") for values in (tokens.ids, tokens.offsets, whole.texts.labels)),
            parts,
        ),
        directory=str(request.directory or os.environ.get("TUNER_DATA", "")),
    )
    return Data(data, data.fingerprint, describe(data), counts(parts), whole.texts.take(test))


def locate(request: DataRequest) -> str:
    """Where ``load`` would take the data from."""
    return hub.locate(_source(request).repository, request)


def describe(data: TextData) -> dict[str, float]:
    """Meta-features of the training texts, on the scales of ``trainables.data.features``.

    ``length_spread`` is the decimal logarithm of the ratio between the lengths that 90 and 10 % of
    the texts do not reach; ``log10_vocabulary`` counts the different pieces in use,
    ``log10_repetition`` how often one is used on average; ``share_unknown`` is that of ``[UNK]``.
    """
    texts = data.texts.take(data.train)
    tokens = texts.tokens
    low, middle, high = np.quantile(np.maximum(tokens.lengths, 1), (0.1, 0.5, 0.9))
    uses = np.bincount(tokens.ids, minlength=len(data.vocabulary.pieces))
    used = max(1, int(np.count_nonzero(uses)))
    return {
        "log10_rows": float(np.log10(len(data.train))),
        **balance(texts.labels.astype(np.float64)),
        "log10_length": float(np.log10(middle)),
        "length_spread": float(np.log10(high / low)),
        "log10_vocabulary": float(np.log10(used)),
        "log10_repetition": float(np.log10(max(1, len(tokens.ids)) / used)),
        "share_unknown": float(uses[data.vocabulary.numbers["[UNK]"]] / max(1, len(tokens.ids))),
    }


def synthesize(source: Source, seed: int) -> _Whole:
    """2,000 generated texts of the lengths and classes of ``source``.

    Pieces are drawn by Zipf's law; a tenth of them come from a tenth of the vocabulary that is the
    class's own.
    """
    rng = np.random.default_rng(seed)
    vocabulary = Vocabulary((*SPECIAL, *(f"piece{number}" for number in range(SYNTHETIC_PIECES))))
    labels = rng.permutation(np.arange(SYNTHETIC_ROWS) % len(source.classes))
    lengths = rng.lognormal(np.log(source.typical), source.spread, SYNTHETIC_ROWS).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(np.maximum(lengths, 1))])
    ranks = np.arange(1, SYNTHETIC_PIECES + 1)
    ids = rng.choice(SYNTHETIC_PIECES, offsets[-1], p=(1 / ranks) / (1 / ranks).sum())
    telling = rng.random(len(ids)) < 0.1
    own = SYNTHETIC_PIECES // 10
    ids[telling] = np.repeat(labels, np.diff(offsets))[telling] * own + ids[telling] % own
    tokens = Tokens((ids + len(SPECIAL)).astype(np.uint16), offsets)
    return _Whole(vocabulary, Texts(tokens, labels), SYNTHETIC_ROWS * 3 // 4)


def _source(request: DataRequest) -> Source:
    if request.dataset not in SOURCES:
        raise DataError(f"unknown data set {request.dataset!r}. Known: {', '.join(SOURCES)}")
    return SOURCES[request.dataset]


def _read(source: Source, request: DataRequest) -> _Whole:
    vocabulary = Vocabulary.read(hub.file(VOCABULARY, "vocab.txt", VOCABULARY_REVISION, request))
    splits = hub.read(source.repository, request)
    texts: list[str] = []
    labels: list[int] = []
    faults: list[str] = []
    counts = []
    for name in ("train", "test"):
        for place, text, label in _samples(splits, name, source):
            if fault := _fault(text, label, source):
                faults.append(f"{place} {fault}")
            else:
                texts.append(text)
                labels.append(label)
        counts.append(len(texts))
    _judge(source, faults, len(texts))
    if len(set(labels)) < 2:
        raise DataError(f"{source.repository}: at least two classes expected, got {set(labels)}")
    tokens = cached(texts, vocabulary, request.cache)
    return _Whole(vocabulary, Texts(tokens, np.array(labels)), counts[0])


def _samples(splits: Any, name: str, source: Source) -> Iterator[tuple[str, Any, Any]]:
    if name not in splits or not {"text", "label"} <= set(splits[name].column_names):
        found = "; ".join(f"{key}: {', '.join(splits[key].column_names)}" for key in splits)
        raise DataError(
            f"{source.repository}: splits train and test with columns text and label expected,"
            f" got {found}. Take a copy in the layout of the Hugging Face Hub."
        )
    table = splits[name].select_columns(["text", "label"])[:]
    for number, (text, label) in enumerate(zip(table["text"], table["label"], strict=True)):
        yield f"sample {number} of {name}", text, label


def _fault(text: object, label: object, source: Source) -> str:
    """Why the sample cannot be used; empty if it can."""
    if not isinstance(text, str):
        return f"unreadable (a text expected, got {text!r:.40})"
    if "\0" in text:
        return f"unreadable (NUL at character {text.index(chr(0))})"
    if len(text) > LONGEST_TEXT:
        return f"unreadable ({len(text)} characters, at most {LONGEST_TEXT})"
    if label not in range(len(source.classes)):
        return f"has no class (0 to {len(source.classes) - 1} expected, got {label!r:.40})"
    return ""


def _judge(source: Source, faults: Sequence[str], good: int) -> None:
    """A few bad samples are left out with a warning, more of them end the study."""
    if not faults:
        if not good:
            raise DataError(f"{source.repository}: no samples")
        return
    share = len(faults) / (len(faults) + good)
    rest = [f"… and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
    lines = [f"{source.repository}: {fault}" for fault in [*faults[:SHOWN], *rest]]
    if share > UNREADABLE_SHARE:
        lines[-1] += f". {share:.1%} of the samples are bad, at most 1 % may be: mend the copy."
        raise DataError("\n".join(lines))
    logging.warning("left out: %s", "; ".join(lines))


def _split(request: DataRequest, whole: _Whole) -> Parts:
    """Row numbers per part; texts with equal tokens are on one side.

    The official test set is kept whole, and what it also holds is left out of the rest.
    """
    numbers: dict[bytes, int] = {}
    same = np.array([numbers.setdefault(text, len(numbers)) for text in pieces(whole.texts.tokens)])
    labels = whole.texts.labels
    if request.split == "random":
        return draw(same[:, None], labels, SHARES, request.seed)
    test = np.arange(whole.official, len(same))
    fit = np.flatnonzero(~np.isin(same[: whole.official], same[test]))
    drawn = draw(same[fit, None], labels[fit], FIT_SHARES, request.seed)
    return (*(fit[part] for part in drawn), test)
