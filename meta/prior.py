"""What past studies say about a new one: a Gaussian process over tasks, docs/meta-learner.md."""

import os
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from itertools import chain, islice
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from scipy.linalg import cho_solve
from scipy.special import ndtri
from scipy.stats import rankdata

from meta.arrays import Array, Indices
from meta.curves import Outcomes, Outlook, Outlooks, learn_outlooks, outcomes
from meta.encoding import Encoding
from meta.kernel import Belief, Kernel, fit_kernel
from meta.study import Study

MAX_SOURCES = 100
MAX_POINTS = 2000
FIT_POINTS = 1500
"""So many points, in blocks of one source each, decide the kernel."""
FIT_BLOCK = 100
STRANGER = 0.1
"""How related a study is of whose data nothing is known."""
NEARNESS = 4
"""The larger, the more the nearest kin count; benchmarks/features.py compares."""
SHARES = (0.05, 0.2, 0.4, 0.6, 0.8, 0.95)
"""How much of the variance all tasks may have in common: the most probable is taken."""
KERNEL_BELIEF = Belief(scale=0.5, scale_spread=1.0, noise=0.05, noise_spread=1.5)


def normal_scores(losses: Array) -> Array:
    """The standard normal quantiles at the ranks: values of all studies on one scale."""
    scores: Array = ndtri((rankdata(losses) - 0.5) / len(losses))
    return scores


@dataclass(frozen=True)
class Expectation:
    """What is expected of the new task's scores at n points, before any of its trials.

    ``mean`` has n values; the row of ``deviations`` (n, sources) times itself is a covariance.
    """

    mean: Array
    deviations: Array

    def __getitem__(self, rows: "slice | Array") -> "Expectation":
        return Expectation(self.mean[rows], self.deviations[rows])

    def __add__(self, other: "Expectation") -> "Expectation":
        deviations = np.vstack([self.deviations, other.deviations])
        return Expectation(np.concatenate([self.mean, other.mean]), deviations)


@dataclass(frozen=True)
class Prior:
    """Scores of source t are ``m + d_t``: ``m`` is common to all tasks, ``d_t`` is its own.

    ``shared`` is the share of ``m`` in the variance; ``weights`` solve the joint process over all
    points; ``kinship`` says what part of each source's deviation the new task shares; the rows of
    ``curves`` are a step and the outlook there.
    """

    kernel: Kernel
    shared: float
    units: Array
    points: Array
    weights: Array
    starts: Indices
    kinship: Array
    failed: Array
    sources: tuple[str, ...]
    curves: Array

    @property
    def outlooks(self) -> Outlooks:
        """What the curves of the past say of early losses."""
        return {int(step): Outlook(*row) for step, *row in self.curves.tolist()}

    @property
    def related(self) -> float:
        """How related the most related source is to the new task."""
        return float(self.kinship.sum())

    @property
    def importance(self) -> Array:
        """The share of each source in what is best for the new task on average."""
        return np.asarray(self.kinship + (1 - self.kinship.sum()) / len(self.sources))

    @property
    def owners(self) -> Indices:
        """The position among ``sources`` of each row of ``units``."""
        return np.searchsorted(self.starts, np.arange(len(self.units)), side="right") - 1

    def expect(self, points: Array) -> Expectation:
        """What is expected of the new task at each row of ``points``."""
        common, own = self._parts(points)
        return Expectation(common + own @ self.kinship, own / np.sqrt(len(self.sources)))

    def scores(self, points: Array) -> Array:
        """What is expected of each source (columns) at each row of ``points``."""
        common, own = self._parts(points)
        return np.asarray(common[:, None] + own)

    def _parts(self, points: Array) -> tuple[Array, Array]:
        """The score that is common to all tasks, and how each source deviates from it."""
        products = self.kernel(points, self.points) * self.weights
        by_source = np.add.reduceat(products, self.starts, axis=1)
        return self.shared * by_source.sum(1), (1 - self.shared) * by_source

    def save(self, path: Path) -> None:
        """Write a NumPy archive that ``load`` reads back, whole or not at all."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        kernel = arrays.pop("kernel")
        arrays["scales"], arrays["variances"] = kernel.scales, [kernel.amplitude, kernel.noise]
        temporary = path.with_name(f"{path.name}.{os.getpid()}")
        with temporary.open("wb") as file:
            np.savez(file, **arrays)
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Prior":
        """Read what ``save`` wrote; raises ``OSError``, and ``ValueError`` if it is damaged."""
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                arrays = dict(archive)
            kernel = Kernel(arrays.pop("scales"), *map(float, arrays.pop("variances")))
            shared, sources = float(arrays.pop("shared")), tuple(arrays.pop("sources").tolist())
            return cls(kernel=kernel, shared=shared, sources=sources, **arrays)
        except (EOFError, BadZipFile, KeyError, TypeError) as error:
            raise ValueError(f"{path} is no saved prior: {error}") from error


def fit_prior(
    studies: Sequence[Study], encoding: Encoding, related: Sequence[float] | None = None
) -> Prior | None:
    """Fit the kernel, the common share and the weights; None if nothing was ever measured.

    ``related`` says how related each study is to the new one, in (0, 1]; the most related are
    taken, at most ``MAX_SOURCES``, and of each an equal part of ``MAX_POINTS``. Trials that were
    stopped early count only where hardly any were not: the ranks of extrapolated losses mislead
    more than they teach (benchmarks/asynchronous.py).

    A multi-task Gaussian process: E. V. Bonilla, K. M. A. Chai and C. K. I. Williams, Multi-task
    Gaussian Process Prediction (NIPS 2007), whose task covariance is here one number.
    """
    kin = np.full(len(studies), STRANGER) if related is None else np.asarray(related)
    order = np.argsort(-kin, kind="stable")
    outlooks = learn_outlooks(studies)
    results = ((row, outcomes(studies[row], outlooks).trusted()) for row in order)
    measured = ((row, item) for row, item in results if len(item.losses))
    told = list(islice(measured, MAX_SOURCES))
    if not told:
        return None
    rows = [row for row, _ in told]
    blocks = [_block(item, encoding, MAX_POINTS // len(told)) for _, item in told]
    units, scores = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    points = encoding.points(units)
    sizes = [len(block) for _, block in blocks]
    starts = np.cumsum([0, *sizes[:-1]]).astype(np.intp)
    kernel = fit_kernel(_for_kernel(points, scores, starts), KERNEL_BELIEF)
    owners = np.repeat(np.arange(len(sizes)), sizes)
    shared, weights = _share(kernel, points, scores, owners)
    tried = chain.from_iterable(studies[row].trials for row in order)
    failed = islice((trial.config for trial in tried if trial.state.failed), MAX_POINTS)
    return Prior(
        kernel,
        shared,
        units,
        points,
        weights,
        starts,
        _kinship(kin[rows]),
        encoding.units(list(failed)),
        tuple(studies[row].id for row in rows),
        np.array([(step, *astuple(item)) for step, item in outlooks.items()]).reshape(-1, 4),
    )


def _kinship(related: Array) -> Array:
    """What part of each source's deviation the new task shares: mostly that of the nearest kin."""
    shares = related**NEARNESS
    return np.asarray(shares / shares.sum() * related.max())


def _block(told: Outcomes, encoding: Encoding, count: int) -> tuple[Array, Array]:
    """Units and scores of at most ``count`` trials of a study: the best third, others by chance."""
    scores = normal_scores(told.losses)
    rows = np.argsort(scores, kind="stable")
    if len(rows) > count:
        others = np.random.default_rng(0).permutation(rows[count // 3 :])
        rows = np.concatenate([rows[: count // 3], others])[:count]
    return encoding.units([told.configs[row] for row in rows]), scores[rows]


def _for_kernel(points: Array, scores: Array, starts: Indices) -> list[tuple[Array, Array]]:
    """At most ``FIT_POINTS`` in blocks of one source each."""
    generator = np.random.default_rng(0)
    blocks = zip(np.split(points, starts[1:]), np.split(scores, starts[1:]), strict=True)
    chosen: list[tuple[Array, Array]] = []
    for some_points, some_scores in blocks:
        rows = generator.permutation(len(some_scores))[:FIT_BLOCK]
        chosen.append((some_points[rows], some_scores[rows]))
        if sum(len(block) for _, block in chosen) >= FIT_POINTS:
            break
    return chosen


def _share(kernel: Kernel, points: Array, scores: Array, owners: Indices) -> tuple[float, Array]:
    """The most probable common share, and the weights of the points under it."""
    covariance = kernel(points, points)
    own = covariance * (owners[:, None] == owners)
    best = (-np.inf, 0.0, scores)
    for share in SHARES:
        mixed = share * covariance + (1 - share) * own
        mixed[np.diag_indices_from(mixed)] += kernel.noise
        factor = np.linalg.cholesky(mixed)
        weights = cho_solve((factor, True), scores, check_finite=False)
        likelihood = -0.5 * scores @ weights - np.log(np.diag(factor)).sum()
        best = max(best, (float(likelihood), share, weights), key=lambda item: item[0])
    return best[1], best[2]
