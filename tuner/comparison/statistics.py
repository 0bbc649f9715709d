"""Tests and intervals for paired differences, grouped by task.

A sample is one array of differences per task. The tasks count as they are, so that a statement is
about these tasks, unless ``generalises``: then they count as drawn from more tasks like these.
``docs/statistics.md`` tells why, and what the simulations gave.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

ALPHA = 0.05
POWER = 0.8
FEWEST_PAIRS = 3
FEWEST_TASKS = 6
"""With fewer, no two-sided Wilcoxon test over tasks can reach 5 %."""
DRAWS = 10_000
EXACT_PAIRS = 14
"""Up to here all 2^n signs are gone through where ranks are tied."""

Array = NDArray[np.float64]
Groups = Sequence[Array]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its standard error and the degrees of freedom of that."""

    mean: float
    error: float
    freedom: float


def estimate(groups: Groups, generalises: bool = False) -> Estimate:
    """The mean of the tasks' means; each task has at least two differences.

    Over given tasks the error is that of a stratified mean, its degrees of freedom by
    Satterthwaite (1946); over tasks like these it is that of the tasks' means.
    """
    if generalises:
        groups = [np.array([group.mean() for group in groups])]
    parts = np.array([group.var(ddof=1) / len(group) for group in groups])
    error = float(np.sqrt(parts.sum()) / len(groups))
    spread = (parts**2 / [len(group) - 1 for group in groups]).sum()
    freedom = float(parts.sum() ** 2 / spread) if spread else float(len(groups[0]) - 1)
    return Estimate(float(np.mean([group.mean() for group in groups])), error, freedom)


def t_test(found: Estimate) -> float | None:
    """Two-sided p of the paired t-test; None if every pair differs by the same amount."""
    if found.error <= abs(found.mean) * 1e-12:
        return None if found.mean else 1.0
    return float(2 * stats.t.sf(abs(found.mean) / found.error, found.freedom))


def wilcoxon(differences: Array) -> float:
    """Two-sided p of the signed-rank test; pairs that do not differ are left out.

    Exact up to 50 differences, or up to ``EXACT_PAIRS`` where some are equal.
    """
    differences = differences[differences != 0]
    if not len(differences):
        return 1.0
    tied = len(np.unique(np.abs(differences))) < len(differences)
    method = "auto"
    if tied and len(differences) <= EXACT_PAIRS:
        method = stats.PermutationMethod(n_resamples=2**EXACT_PAIRS)
    elif tied:
        method = "asymptotic"
    return float(stats.wilcoxon(differences, method=method).pvalue)


def holm(values: Sequence[float | None]) -> list[float | None]:
    """The p-values corrected for their number (S. Holm, 1979); None stays and does not count."""
    given = sorted((p, index) for index, p in enumerate(values) if p is not None)
    corrected: list[float | None] = [None] * len(values)
    largest = 0.0
    for rank, (p, index) in enumerate(given):
        largest = max(largest, min(1.0, (len(given) - rank) * p))
        corrected[index] = largest
    return corrected


def cohens_d(groups: Groups, generalises: bool = False) -> float | None:
    """Mean over standard deviation of the differences (d_z), the latter pooled over the tasks."""
    if generalises:
        groups = [np.array([group.mean() for group in groups])]
    deviation = float(np.sqrt(np.mean([group.var(ddof=1) for group in groups])))
    mean = float(np.mean([group.mean() for group in groups]))
    return mean / deviation if deviation > abs(mean) * 1e-12 else None


def rank_biserial(differences: Array) -> float | None:
    """The share of the rank sum that is positive minus the share that is negative (Kerby, 2014)."""
    differences = differences[differences != 0]
    if not len(differences):
        return None
    ranks = stats.rankdata(np.abs(differences))
    return float((ranks * np.sign(differences)).sum() / ranks.sum())


def detectable(found: Estimate, tests: int = 1) -> float | None:
    """The smallest mean that a t-test finds with a power of 80 %, at 5 % shared by ``tests``.

    None if the differences do not vary.
    """
    if not found.error:
        return None
    critical = stats.t.isf(ALPHA / tests / 2, found.freedom)

    def missing(shift: float) -> float:
        tails = (
            stats.nct.sf(critical, found.freedom, shift),
            stats.nct.cdf(-critical, found.freedom, shift),
        )
        return float(np.nansum(tails) - POWER)  # SciPy gives NaN for a tail too far out to matter

    enough = 2.0
    while missing(enough) < 0:
        enough *= 2
    return float(optimize.brentq(missing, 0.0, enough) * found.error)


def interval(groups: Groups, generalises: bool = False) -> tuple[float, float] | None:
    """95 % for the mean of the tasks' means, by the studentised bootstrap (P. Hall, 1988).

    Resampled are the differences within each task and, if it ``generalises``, first the tasks. None
    if so few differences give no finite interval, as three on one task do.
    """
    found = estimate(groups, generalises)
    if not found.error:
        return found.mean, found.mean
    random = np.random.default_rng(0)
    means, errors = (_tasks_too if generalises else _within)(groups, random)
    gap = means - found.mean
    with np.errstate(divide="ignore", invalid="ignore"):
        studentised = np.where(gap == 0, 0.0, gap / errors)
    low, high = np.quantile(studentised, [ALPHA / 2, 1 - ALPHA / 2], method="inverted_cdf")
    if not np.isfinite([low, high]).all():
        return None
    return found.mean - float(high) * found.error, found.mean - float(low) * found.error


def _within(groups: Groups, random: np.random.Generator) -> tuple[Array, Array]:
    """The mean and its error in each draw, the tasks as they are."""
    draws = [random.choice(group, (DRAWS, len(group))) for group in groups]
    means = np.mean([draw.mean(1) for draw in draws], axis=0)
    variances = np.sum([draw.var(1, ddof=1) / draw.shape[1] for draw in draws], axis=0)
    return means, np.sqrt(variances) / len(groups)


def _tasks_too(groups: Groups, random: np.random.Generator) -> tuple[Array, Array]:
    """The mean and its error in each draw of tasks, and of differences within those."""
    tasks = len(groups)
    drawn = random.integers(0, tasks, (DRAWS, tasks))
    means = np.empty((DRAWS, tasks))
    for task, group in enumerate(groups):
        here = drawn == task
        means[here] = random.choice(group, (int(here.sum()), len(group))).mean(1)
    return means.mean(1), means.std(1, ddof=1) / np.sqrt(tasks)
