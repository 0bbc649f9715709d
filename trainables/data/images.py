"""Image data sets: decoded once to uint8, checked, split and named by a fingerprint.

``cifar10`` and ``cifar100`` (100 fine classes) come from the Hub, ``digits`` (1,797 images of 8 by
8 pixels) with scikit-learn. Decoded images of the Hub are cached by the content of their files.
"""

import hashlib
import io
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trainables.base import DataError, DataRequest
from trainables.data import arrays, hub

if TYPE_CHECKING:
    from datasets import DatasetDict

BAD_SHARE = 0.01
"""A split with a larger share of unreadable images is refused, else they are left out."""

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Source:
    """A data set; ``shape`` is height, width, channels, ``rows`` train and test (0: no official).

    ``label`` is the column of a repository on the Hub; without one it comes with scikit-learn.
    """

    shape: tuple[int, int, int]
    classes: int
    rows: tuple[int, int]
    repository: str = ""
    label: str = ""


SOURCES = {
    "cifar10": Source((32, 32, 3), 10, (50_000, 10_000), "uoft-cs/cifar10", "label"),
    "cifar100": Source((32, 32, 3), 100, (50_000, 10_000), "uoft-cs/cifar100", "fine_label"),
    "digits": Source((8, 8, 1), 10, (1_797, 0)),
}


@dataclass(frozen=True)
class ImageSet:
    """Images (n, height, width, channels) and their labels; the first ``official`` are for training
    by the published split."""

    images: Pixels
    labels: Labels
    official: int


def read(request: DataRequest) -> ImageSet:
    """All images of the data set; raises ``DataError``."""
    source = SOURCES.get(request.dataset)
    if source is None:
        raise DataError(f"unknown data set {request.dataset!r}. Known: {', '.join(SOURCES)}")
    if request.synthetic:
        return synthesize(source, request.seed)
    return _from_hub(source, request) if source.repository else _digits()


def locate(request: DataRequest) -> str:
    """Where ``read`` would take the data from."""
    repository = SOURCES[request.dataset].repository
    return hub.locate(repository, request) if repository else "bundled with scikit-learn"


def synthesize(source: Source, seed: int) -> ImageSet:
    """Noise of the same shape, each class with a tint and a bright row of its own."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, source.classes, sum(source.rows))
    images = rng.integers(0, 160, (len(labels), *source.shape), np.uint8)
    images[np.arange(len(labels)), labels % source.shape[0]] += 60
    images[..., 0] += (labels * (30 // source.classes + 1) % 36).astype(np.uint8)[:, None, None]
    return ImageSet(images, labels, source.rows[0] if source.rows[1] else 0)


def digests(images: Pixels) -> NDArray[np.float64]:
    """Two numbers for each image, the same for equal images: 96 bits of its BLAKE2."""
    names = [hashlib.blake2b(image.tobytes(), digest_size=12).digest() for image in images]
    thirds = np.frombuffer(b"".join(names), "<u4").reshape(len(images), 3)
    return thirds.astype(np.float64)


def _digits() -> ImageSet:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return ImageSet((bunch.images * 15).astype(np.uint8)[..., None], bunch.target.astype(int), 0)


def _from_hub(source: Source, request: DataRequest) -> ImageSet:
    folder = hub.obtain(source.repository, request)
    if request.cache is None:
        return _decoded(source, hub.read_folder(folder, request), str(folder))
    path = request.cache / "images" / f"{request.dataset}-{hub.fingerprint(folder)}.npz"
    if kept := arrays.read(path, ("images", "labels", "official")):
        return ImageSet(kept["images"], kept["labels"], int(kept["official"]))
    data = _decoded(source, hub.read_folder(folder, request), str(folder))
    arrays.write(path, images=data.images, labels=data.labels, official=np.array(data.official))
    return data


def _decoded(source: Source, splits: "DatasetDict", where: str) -> ImageSet:
    parts = [_decode(source, splits, name, where) for name in ("train", "test")]
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return ImageSet(images, labels, len(parts[0][1]))


def _decode(source: Source, splits: "DatasetDict", name: str, where: str) -> tuple[Pixels, Labels]:
    table = splits[name].data if name in splits else None
    column = next((c for c in ("img", "image") if table and c in table.column_names), None)
    if table is None or column is None or source.label not in table.column_names:
        what = f"split {name} with columns img and {source.label} expected"
        raise DataError(f"{where}: {what}. Put a whole copy of {source.repository} there.")
    images = np.zeros((table.num_rows, *source.shape), np.uint8)
    bad: dict[int, str] = {}
    for row, cell in enumerate(table[column].to_pylist()):
        try:
            images[row] = _pixels(cell, source.shape)
        except (OSError, ValueError, TypeError, SyntaxError) as error:
            bad[row] = str(error)
    _judge(bad, name, len(images), where)
    good = np.setdiff1d(np.arange(len(images)), list(bad))
    labels = np.array(table[source.label].to_pylist(), np.int64)
    return images[good], labels[good]


def _pixels(cell: Any, shape: tuple[int, int, int]) -> Pixels:
    """The RGB pixels of an encoded image; raises ``ValueError`` for one of another size."""
    from PIL import Image

    with Image.open(io.BytesIO(cell["bytes"])) as image:
        if image.size != (shape[1], shape[0]):
            width, height = image.size
            raise ValueError(f"{width}x{height} pixels, {shape[1]}x{shape[0]} expected")
        return np.asarray(image.convert("RGB"))


def _judge(bad: Mapping[int, str], name: str, count: int, where: str) -> None:
    if not bad:
        return
    row, why = next(iter(bad.items()))
    what = f"{where}: sample {row} of {name} unreadable ({why})"
    if len(bad) > BAD_SHARE * count:
        more = f"and {len(bad) - 1} more of {count}; at most 1% may be. Put a whole copy there."
        raise DataError(f"{what}, {more}")
    logging.warning("%s; %d of %d samples are left out", what, len(bad), count)
