"""What a study on images shares with its trials: pixels, split, initial weights, meta-features."""

from dataclasses import dataclass, field

import numpy as np

from trainables.base import Data, DataError, DataRequest
from trainables.data.features import balance
from trainables.data.images import SOURCES, Labels, Pixels, digests, read
from trainables.data.split import Rows, counts, fingerprint, split
from trainables.weights import Weights, initial_weights

METRICS = ("accuracy", "macro_f1")


@dataclass(frozen=True)
class ImageData:
    """The images to train and validate on; equal if the fingerprints are.

    ``images`` is (n, height, width, channels) uint8, ``labels`` (n,); ``train`` and ``validation``
    are row numbers. ``weights`` are what a network begins with, None for random ones.
    """

    images: Pixels = field(compare=False)
    labels: Labels = field(compare=False)
    train: Rows = field(compare=False)
    validation: Rows = field(compare=False)
    classes: int = field(compare=False)
    metric: str = field(compare=False)
    weights: Weights | None = field(compare=False)
    fingerprint: str


@dataclass(frozen=True)
class HeldOut:
    """The images and labels of the test part."""

    images: Pixels
    labels: Labels


def load(request: DataRequest) -> Data:
    """Read or fetch images and initial weights, check them and draw the split.

    Raises ``DataError``.
    """
    metric = request.metric or METRICS[0]
    if metric not in METRICS:
        raise DataError(f"metric {metric!r} is not measured. Known: {', '.join(METRICS)}")
    weights = None if request.synthetic else initial_weights(request.model, request.options)
    data = read(request)
    others = (name for name, source in SOURCES.items() if source.rows[1])
    parts = split(request, digests(data.images), data.labels, data.official, others)
    train, validation, test = parts
    seen = np.sort(np.concatenate([train, validation]))
    payload = ImageData(
        images=data.images[seen],
        labels=data.labels[seen],
        train=np.searchsorted(seen, train),
        validation=np.searchsorted(seen, validation),
        classes=SOURCES[request.dataset].classes,
        metric=metric,
        weights=weights,
        fingerprint=fingerprint(
            request,
            f"{request.dataset} {data.images.shape}",
            [data.images],
            (data.labels, *parts),
        ),
    )
    features = describe(payload.images[payload.train], payload.labels[payload.train])
    held_out = HeldOut(data.images[test], data.labels[test])
    return Data(payload, payload.fingerprint, features, counts(parts), held_out)


def describe(images: Pixels, labels: Labels) -> dict[str, float]:
    """Meta-features on the scales of ``trainables.data.features``; of at most 2,000 images.

    ``brightness`` and ``contrast`` are mean and deviation of the pixels, ``colour`` the mean
    distance of the channels from their mean, ``roughness`` that of horizontal neighbours; all of 1.
    """
    sample = images[np.random.default_rng(0).permutation(len(images))[:2_000]] / 255
    return {
        "log10_rows": float(np.log10(len(labels))),
        "log10_columns": float(np.log10(images[0].size)),
        "share_categorical": 0.0,
        "share_missing": 0.0,
        **balance(labels),
        "brightness": float(sample.mean()),
        "contrast": float(sample.std()),
        "colour": float(np.abs(sample - sample.mean(axis=3, keepdims=True)).mean()),
        "roughness": float(np.abs(np.diff(sample, axis=2)).mean()),
    }
