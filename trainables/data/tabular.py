"""A tabular data set, checked, split and named by a fingerprint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from trainables import metrics
from trainables.base import Data, DataError, DataRequest
from trainables.data.features import describe
from trainables.data.fetch import at_hand
from trainables.data.sources import SOURCES, Source
from trainables.data.split import Rows, counts, fingerprint, split
from trainables.data.table import Float32, Table


@dataclass(frozen=True)
class TabularData:
    """One data set, split and ready to be shared; arrays only, equal if the fingerprints are.

    ``x`` is (rows, columns) with NaN for missing and codes for categories, ``y`` (rows,) the target
    (0 or 1 if ``kind`` is ``binary``, a number if it is ``regression``); ``train`` and
    ``validation`` are row numbers. ``metric`` is what a trial reports, ``categories`` as in
    ``Table``.
    """

    kind: str = field(compare=False)
    metric: str = field(compare=False)
    columns: tuple[str, ...] = field(compare=False)
    categorical: NDArray[np.bool_] = field(compare=False)
    x: Float32 = field(compare=False)
    y: Float32 = field(compare=False)
    train: Rows = field(compare=False)
    validation: Rows = field(compare=False)
    fingerprint: str
    categories: Mapping[str, Sequence[str]] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class HeldOut:
    """The rows and targets of the test part, which are in no array of ``TabularData``."""

    x: Float32
    y: Float32


def load(request: DataRequest) -> Data:
    """``prepare`` for a built-in data set, fetched where needed; raises ``DataError``."""
    source = SOURCES.get(request.dataset)
    if source is None:
        raise DataError(f"unknown data set {request.dataset!r}. Known: {', '.join(SOURCES)}")
    return prepare(source, request)


def prepare(source: Source, request: DataRequest) -> Data:
    """Read a table from where ``source`` has it, and draw its split; raises ``DataError``."""
    metric = _metric(request, source)
    table = synthesize(source, request.seed) if request.synthetic else source.read(request)
    strata = table.y if source.kind == "binary" else np.zeros_like(table.y)
    others = (name for name, known in SOURCES.items() if known.official)
    parts = train, validation, test = split(request, table.x, strata, source.official, others)
    seen = np.sort(np.concatenate([train, validation]))
    data = TabularData(
        kind=source.kind,
        metric=metric,
        columns=tuple(table.columns),
        categorical=np.array([categories > 0 for categories in table.columns.values()]),
        x=table.x[seen],
        y=table.y[seen],
        train=np.searchsorted(seen, train),
        validation=np.searchsorted(seen, validation),
        fingerprint=fingerprint(
            request,
            repr([request.dataset, *table.columns.items()]),
            (values.astype("<f4") for values in (table.x, table.y)),
            parts,
        ),
        categories=table.categories,
    )
    features = describe(table.x[train], table.y[train], data.categorical, source.kind)
    held_out = HeldOut(table.x[test], table.y[test])
    return Data(data, data.fingerprint, features, counts(parts), held_out)


def locate(request: DataRequest) -> str:
    """Where ``load`` would take the data from."""
    archive = SOURCES[request.dataset].archive
    if archive is None:
        return "bundled with scikit-learn"
    folder = at_hand(archive, request)
    return f"in {folder}" if folder else "to be fetched from UCI"


def synthesize(source: Source, seed: int) -> Table:
    """Generated data of the same shape and kinds: a noisy sum and product of the columns."""
    rng = np.random.default_rng(seed)
    size = (source.rows, len(source.columns))
    unit = rng.random(size)
    categories = np.array([*source.columns.values()])
    x = np.where(categories, np.floor(unit * categories), unit).astype(np.float32)
    score = unit @ rng.normal(size=size[1]) + 2 * unit[:, 0] * unit[:, 1]
    score += 0.2 * rng.normal(size=size[0])
    x[rng.random(size) < source.missing] = np.nan
    y = score > np.median(score) if source.kind == "binary" else score
    return Table(x, y.astype(np.float32), source.columns)


def _metric(request: DataRequest, source: Source) -> str:
    metric, known = request.metric or metrics.DEFAULT, metrics.METRICS[source.kind]
    if metric not in known:
        raise DataError(
            f"metric {metric!r} is not measured on {request.dataset}. Known: {', '.join(known)}"
        )
    return metric
