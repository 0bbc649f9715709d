"""What ``benchmarks.network`` trains: the real networks and shapes, on data that are made up.

Pixels and word pieces are drawn at random, the lengths of texts from the distributions of the real
IMDB and AG News. That is enough to measure speed and memory, and says nothing of accuracy.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables import encoders, image, text
from trainables.base import Config
from trainables.data import images, texts
from trainables.data.image_data import ImageData
from trainables.data.tokens import SPECIAL, Tokens, Vocabulary

BATCH = 16
COARSE = 4
"""Pixels of a pattern on each side, that are enlarged to the size of an image."""

PIECES = 30_522
"""As many as BERT's vocabulary has; in a dry run too, for the cost of cutting texts."""

SHARES = (0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1)
LENGTHS = {
    "ag-news": (13, 23, 30, 34, 39, 42, 46, 49, 52, 55, 60, 68, 80, 122, 198, 359),
    "imdb": (8, 54, 82, 119, 155, 175, 199, 229, 272, 334, 429, 607, 794, 1196, 1472, 3155),
}
"""So many word pieces have the texts of the real data at the quantiles ``SHARES``."""

ROWS = {"cifar10": (42_000, 9_000), "imdb": (35_000, 7_500), "ag-news": (89_320, 19_140)}
"""Training and validation samples of the real tasks."""

SMALL_ENCODER = {
    "bert-base": {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    },
    "distilbert": {"dim": 64, "hidden_dim": 128, "n_layers": 2, "n_heads": 2},
}


@dataclass(frozen=True)
class Case:
    """A task to train; ``longest`` is the maximum length of texts (0: images of ``side`` pixels).

    ``rows`` are the samples of an epoch here, ``goal`` how many times faster than the plain way one
    trial should be, ``lengths`` by what the real lengths are divided in a dry run.
    """

    dataset: str
    model: str
    goal: float
    rows: int
    longest: int = 0
    side: int = 32
    shorter: int = 1

    @property
    def name(self) -> str:
        """Names it in the results."""
        return f"{self.dataset}-{self.model}" + (f" at {self.longest}" if self.longest else "")

    @property
    def config(self) -> dict[str, Any]:
        """What a trial of it is given."""
        if self.longest:
            return {"batch_size": BATCH, "max_seq_length": self.longest, "learning_rate": 3e-5}
        return {"batch_size": BATCH, "learning_rate": 0.01, "weight_decay": 5e-4, "dropout": 0.0}

    @property
    def classes(self) -> int:
        """How many there are to tell apart."""
        if self.longest:
            return len(texts.SOURCES[self.dataset].classes)
        return images.SOURCES[self.dataset].classes

    def data(self, rows: int = 0, validation: int = BATCH) -> Any:
        """Made-up training and validation samples, as the trainables' ``load`` would give them."""
        make = _texts if self.longest else _images
        return make(self, rows or self.rows, validation)

    @property
    def whole(self) -> tuple[int, int]:
        """Training and validation samples of the real task; of a dry run, few."""
        return ROWS[self.dataset] if self.shorter == 1 and self.side == 32 else (self.rows, BATCH)

    def train(self, context: "Marks") -> None:
        """Train it as the product does."""
        (text if self.longest else image).train(self.config, context)


CASES = (
    Case("cifar10", "resnet50", 4.0, 2_048),
    Case("cifar10", "efficientnet-b0", 4.0, 2_048),
    Case("ag-news", "bert-base", 3.0, 2_048, 512),
    Case("ag-news", "distilbert", 3.0, 2_048, 512),
    Case("imdb", "bert-base", 1.8, 1_024, 512),
    Case("imdb", "distilbert", 1.8, 1_024, 512),
)


def shrunk(case: Case) -> Case:
    """The case for a dry run: two batches of tiny images, or of short texts for a tiny encoder."""
    if not case.longest:
        return replace(case, rows=2 * BATCH, side=8)
    shape = encoders.ARCHITECTURES[case.model]
    fields = {**shape.fields, **SMALL_ENCODER[case.model]}
    encoders.ARCHITECTURES[case.model] = replace(shape, fields=fields)
    return replace(case, rows=2 * BATCH, longest=case.longest // 16, shorter=16)


def lengths(dataset: str, count: int) -> NDArray[np.int64]:
    """Of ``count`` texts like those of the real data set, without marks."""
    drawn = np.random.default_rng(0).random(count)
    return np.interp(drawn, SHARES, LENGTHS[dataset]).astype(np.int64)


def _images(case: Case, rows: int, validation: int) -> ImageData:
    """Coarse patterns: all noise looks alike to a network, so that rounding would drown it."""
    rng = np.random.default_rng(0)
    count, fine = rows + validation, case.side // COARSE
    patterns = rng.integers(0, 256, (count, COARSE, COARSE, 3), np.uint8)
    return ImageData(
        images=patterns.repeat(fine, axis=1).repeat(fine, axis=2),
        labels=rng.integers(0, case.classes, count),
        train=np.arange(rows),
        validation=np.arange(rows, count),
        classes=case.classes,
        metric="accuracy",
        weights=None,
        fingerprint=f"made up {case.name} {rows} {validation}",
    )


def _texts(case: Case, rows: int, validation: int) -> texts.TextData:
    long = np.maximum(lengths(case.dataset, rows + validation) // case.shorter, 1)
    return made_up(case, long, rows)


def made_up(case: Case, long: NDArray[np.int64], rows: int) -> texts.TextData:
    """Texts of the lengths ``long`` without marks, the first ``rows`` to train on."""
    rng = np.random.default_rng(0)
    offsets = np.concatenate([[0], np.cumsum(long)])
    drawn = rng.integers(len(SPECIAL), PIECES, offsets[-1]).astype(np.uint16)
    return texts.TextData(
        metric="accuracy",
        classes=texts.SOURCES[case.dataset].classes,
        vocabulary=Vocabulary((*SPECIAL, *(f"w{n}" for n in range(PIECES - len(SPECIAL))))),
        texts=texts.Texts(Tokens(drawn, offsets), rng.integers(0, case.classes, len(long))),
        train=np.arange(rows),
        validation=np.arange(rows, len(long)),
        fingerprint="made up",
    )


@dataclass
class Marks:
    """What a trainable is given here: notes when each epoch was reported, keeps nothing."""

    model: str
    data: Any
    device: str
    max_steps: int
    seed: int = 0
    threads: int = 1
    final: bool = False
    held_out: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)
    times: list[float] = field(default_factory=lambda: [time.monotonic()])

    def __post_init__(self) -> None:
        if isinstance(self.data, texts.TextData):
            self.options = {"init": "scratch"}

    def report(
        self,
        step: int,
        value: float,
        metrics: Mapping[str, float] | None = None,
        config: Config | None = None,
    ) -> None:
        """Note the time; the metrics were read from the device, so all its work is done."""
        self.times.append(time.monotonic())

    def save(self, write: Any) -> None:
        """Keep nothing: neither way writes checkpoints here."""

    def restore(self) -> Path | None:
        """Nothing was kept."""
        return None

    def keep(self, write: Any) -> None:
        """Keep nothing."""


@dataclass(frozen=True)
class Timed:
    """A training: seconds before its first epoch, and of each epoch after that one."""

    setup_seconds: float
    epoch_seconds: list[float]
    rows: int

    @classmethod
    def of(cls, times: list[float], rows: int) -> "Timed":
        """From the begin, and the end of each epoch; the first epoch costs what others cost."""
        first, *others = np.diff(times).tolist()
        usual = float(np.median(others)) if others else 0.0
        return cls(first - usual, others, rows)

    @property
    def epoch(self) -> float:
        """Seconds of the median epoch."""
        return float(np.median(self.epoch_seconds))


def ours(case: Case, data: Any, device: str, epochs: int) -> Timed:
    """The product's own training, from the configuration on."""
    marks = Marks(case.model, data, device, epochs)
    case.train(marks)
    return Timed.of(marks.times, len(data.train))
