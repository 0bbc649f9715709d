"""The loss over the space, from the prior and the trials so far: an average over hypotheses.

Every hypothesis is a Gaussian process; they differ in how far they trust the past, and their
probabilities given the trials say how far it can be trusted. docs/meta-learner.md derives it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, solve_triangular
from scipy.special import ndtr

from meta.arrays import Array
from meta.kernel import Kernel
from meta.prior import Expectation

CONSIDERED = 6
"""At most so many hypotheses are averaged, which have ..."""
COVERED = 0.95
"""... at least this share of the probability, unless they are too many."""


@dataclass(frozen=True)
class Places:
    """Points (n, columns) and what the past says of them."""

    points: Array
    expectation: Expectation

    def __len__(self) -> int:
        return len(self.points)

    def __add__(self, other: "Places") -> "Places":
        return Places(np.vstack([self.points, other.points]), self.expectation + other.expectation)


@dataclass(frozen=True)
class Observations:
    """The losses (n,) of the trials so far, and the variances (n,) of those that are guesses."""

    places: Places
    losses: Array
    variances: Array


@dataclass(frozen=True)
class Hypothesis:
    """How the scores of the task may have come about.

    They are ``trust`` times the mean of the past, plus ``deviation`` times the ways in which past
    tasks deviate from it, plus what ``kernel`` allows; each observation adds ``noise``. Without
    ``trust`` and ``deviation`` the past says nothing. ``probability`` is that before any trial.
    """

    trust: float
    deviation: float
    kernel: Kernel
    noise: float
    probability: float

    def covariance(self, left: Places, right: Places) -> Array:
        """Between the scores at each place of ``left`` and of ``right``."""
        covariance = self.kernel(left.points, right.points)
        if self.deviation:
            shared = left.expectation.deviations @ right.expectation.deviations.T
            covariance += self.deviation * shared
        return covariance

    def variance(self, places: Places) -> Array:
        """Of the score at each place."""
        ways = places.expectation.deviations
        variance: Array = self.deviation * np.einsum("ij,ij->i", ways, ways)
        return self.kernel.amplitude + variance


@dataclass(frozen=True)
class Posterior:
    """A hypothesis given the observations, for which ``loss = offset + scale * score``."""

    hypothesis: Hypothesis
    evidence: float
    offset: float
    scale: float
    places: Places
    factor: Array
    weights: Array

    def predict(self, places: Places, pending: Places) -> tuple[Array, Array]:
        """Mean and standard deviation of the loss; at pending places nothing more is learned."""
        hypothesis = self.hypothesis
        cross = hypothesis.covariance(places, self.places)
        score = hypothesis.trust * places.expectation.mean + cross @ self.weights
        factor = self.factor
        if len(pending):
            factor = _extend(factor, hypothesis, self.places, pending)
            cross = np.hstack([cross, hypothesis.covariance(places, pending)])
        known = solve_triangular(factor, cross.T, lower=True, check_finite=False)
        variance = hypothesis.variance(places) - np.einsum("ij,ij->j", known, known)
        deviation = np.sqrt(np.maximum(variance, 1e-12))
        return self.offset + self.scale * score, self.scale * deviation


def _extend(factor: Array, hypothesis: Hypothesis, old: Places, new: Places) -> Array:
    """The Cholesky factor of the covariance of all places from that of the old ones."""
    cross = solve_triangular(factor, hypothesis.covariance(old, new), lower=True)
    rest = hypothesis.covariance(new, new) - cross.T @ cross
    rest[np.diag_indices_from(rest)] += hypothesis.noise
    corner = np.linalg.cholesky(rest)
    return np.block([[factor, np.zeros_like(cross)], [cross.T, corner]])


def deviation(values: Array) -> float:
    """The standard deviation, whatever the scale of the values; 1 if they are all equal."""
    largest = float(np.abs(values).max()) or 1.0
    return float(np.std(values / largest)) * largest or 1.0


def condition(hypothesis: Hypothesis, seen: Observations) -> Posterior:
    """Infer the scores; the offset is integrated out, the scale set to its optimum.

    The evidence is the log marginal likelihood with a vague offset, equation 2.45 of Rasmussen and
    Williams (2006), up to a constant that all hypotheses share.
    """
    spread = deviation(seen.losses)
    losses = seen.losses / spread
    covariance = hypothesis.covariance(seen.places, seen.places)
    covariance[np.diag_indices_from(covariance)] += (
        hypothesis.noise + seen.variances / spread / spread
    )
    factor = np.asarray(np.linalg.cholesky(covariance), np.float64)
    mean = hypothesis.trust * seen.places.expectation.mean
    columns = np.column_stack([losses, mean, np.ones(len(losses))])
    loss, score, one = solve_triangular(factor, columns, lower=True, check_finite=False).T
    size, freedom = float(one @ one), len(losses) - 1
    loss_rest, score_rest = (part - one * (one @ part) / size for part in (loss, score))
    inverse = _inverse_scale(loss_rest @ loss_rest, loss_rest @ score_rest, freedom)
    misfit = loss_rest * inverse - score_rest
    evidence = freedom * np.log(inverse) - 0.5 * (misfit @ misfit)
    evidence -= np.log(np.diag(factor)).sum() + 0.5 * np.log(size)
    offset = float(one @ (loss - score / inverse)) / size
    weights = cho_solve((factor, True), (losses - offset) * inverse - mean, check_finite=False)
    return Posterior(
        hypothesis,
        float(evidence),
        offset * spread,
        spread / inverse,
        seen.places,
        factor,
        weights,
    )


def _inverse_scale(square: float, cross: float, freedom: int) -> float:
    """The ``q`` that maximises ``freedom log q - square q² / 2 + cross q``."""
    if freedom == 0:
        return 1.0
    square += 1e-12
    return float((cross + np.sqrt(cross * cross + 4 * freedom * square)) / (2 * square))


class Surrogate:
    """The average over the probable hypotheses, given the observations."""

    def __init__(self, hypotheses: Sequence[Hypothesis], seen: Observations) -> None:
        self._best = float(seen.losses.min())
        self._posteriors = [condition(hypothesis, seen) for hypothesis in hypotheses]
        logs = np.array([item.evidence for item in self._posteriors])
        logs += np.log([item.probability for item in hypotheses])
        probabilities = np.exp(logs - logs.max())
        self._probabilities = probabilities / probabilities.sum()

    @property
    def trust(self) -> float:
        """The probability that the past says something about this task."""
        pairs = zip(self._posteriors, self._probabilities, strict=True)
        return float(sum(p for item, p in pairs if item.hypothesis.trust))

    def improvement(self, places: Places, pending: Places) -> Array:
        """The expected improvement on the best loss so far at each place.

        D. R. Jones, M. Schonlau and W. J. Welch, Efficient Global Optimization of Expensive
        Black-Box Functions (1998), equation 15.
        """
        total = np.zeros(len(places))
        for posterior, probability in self._probable():
            mean, deviation = posterior.predict(places, pending)
            ahead = (self._best - mean) / deviation
            density = np.exp(-0.5 * ahead * ahead) / np.sqrt(2 * np.pi)
            total += probability * deviation * (ahead * ndtr(ahead) + density)
        return total

    def predict(self, places: Places) -> tuple[Array, Array]:
        """Mean and standard deviation of the loss at each place."""
        nothing = Places(places.points[:0], places.expectation[:0])
        mean, square, total = np.zeros(len(places)), np.zeros(len(places)), 0.0
        for posterior, probability in self._probable():
            here, deviation = posterior.predict(places, nothing)
            mean += probability * here
            square += probability * (here**2 + deviation**2)
            total += probability
        mean, square = mean / total, square / total
        return mean, np.sqrt(np.maximum(square - mean**2, 0))

    def _probable(self) -> list[tuple[Posterior, float]]:
        order = np.argsort(-self._probabilities)
        covered = np.cumsum(self._probabilities[order])
        count = min(CONSIDERED, int(np.searchsorted(covered, COVERED)) + 1)
        return [(self._posteriors[i], float(self._probabilities[i])) for i in order[:count]]
