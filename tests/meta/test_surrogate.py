"""The loss over the space: against the textbook and against simulation."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal

from meta.arrays import Array
from meta.kernel import Kernel
from meta.prior import Expectation
from meta.surrogate import Hypothesis, Observations, Places, Surrogate, condition

SCALES = np.array([0.4, 0.8])
COLD = Hypothesis(0.0, 0.0, Kernel(SCALES), 1e-2, 0.2)
WARM = Hypothesis(1.0, 0.3, Kernel(SCALES, 0.1), 1e-2, 0.8)


def places(count: int, seed: int, sources: int = 3) -> Places:
    generator = np.random.default_rng(seed)
    points = generator.random((count, 2))
    mean = 5 * ((points - 0.3) ** 2).sum(1) - 1
    phases = np.arange(sources)
    deviations = np.sin(4 * points[:, :1] + phases) / np.sqrt(max(sources, 1))
    return Places(points, Expectation(mean, deviations))


NOTHING = places(0, 0)


def observed(
    count: int = 8, seed: int = 1, scale: float = 2.0, offset: float = 7.0
) -> Observations:
    """Losses much as the past expects them."""
    at = places(count, seed)
    noise = 0.2 * np.random.default_rng(seed).standard_normal(count)
    return Observations(at, offset + scale * (at.expectation.mean + noise), np.zeros(count))


def dense(hypothesis: Hypothesis, left: Places, right: Places) -> Array:
    ways = left.expectation.deviations @ right.expectation.deviations.T
    return hypothesis.kernel(left.points, right.points) + hypothesis.deviation * ways


def regression(
    hypothesis: Hypothesis, seen: Observations, at: Places, scale: float
) -> tuple[Array, Array]:
    """Regression with a nearly flat prior of the offset, for ``loss = offset + scale * score``."""
    vague = 1e6
    noise = hypothesis.noise * np.eye(len(seen.losses))
    covariance = scale**2 * (dense(hypothesis, seen.places, seen.places) + noise) + vague
    cross = scale**2 * dense(hypothesis, at, seen.places) + vague
    mean = scale * hypothesis.trust * seen.places.expectation.mean
    solved = np.linalg.solve(covariance, seen.losses - mean)
    found = scale * hypothesis.trust * at.expectation.mean + cross @ solved
    known = np.einsum("ij,ji->i", cross, np.linalg.solve(covariance, cross.T))
    return found, scale**2 * np.diag(dense(hypothesis, at, at)) + vague - known


@pytest.mark.parametrize("hypothesis", [COLD, WARM])
def test_the_mean_is_that_of_a_regression_with_a_vague_offset(hypothesis: Hypothesis) -> None:
    seen, at = observed(), places(6, 2)
    posterior = condition(hypothesis, seen)
    mean, _ = posterior.predict(at, NOTHING)
    expected, _ = regression(hypothesis, seen, at, posterior.scale)
    np.testing.assert_allclose(mean, expected, rtol=1e-4)


@pytest.mark.parametrize("hypothesis", [COLD, WARM])
def test_the_deviation_is_that_of_the_scores_on_the_scale_of_the_losses(
    hypothesis: Hypothesis,
) -> None:
    seen, at = observed(), places(6, 2)
    posterior = condition(hypothesis, seen)
    _, deviation = posterior.predict(at, NOTHING)
    covariance = dense(hypothesis, seen.places, seen.places) + hypothesis.noise * np.eye(8)
    cross = dense(hypothesis, at, seen.places)
    rest = dense(hypothesis, at, at) - cross @ np.linalg.solve(covariance, cross.T)
    np.testing.assert_allclose(deviation, posterior.scale * np.sqrt(np.diag(rest)), rtol=1e-6)


@pytest.mark.parametrize("hypothesis", [COLD, WARM])
def test_the_scale_and_the_offset_are_the_most_probable(hypothesis: Hypothesis) -> None:
    seen = observed()
    posterior = condition(hypothesis, seen)
    best = _density(hypothesis, seen, posterior.offset, posterior.scale)
    for factor in (0.97, 1.03):
        assert _integral(hypothesis, seen, posterior.scale * factor) < _integral(
            hypothesis, seen, posterior.scale
        )
    for shift in (-0.1, 0.1):
        assert _density(hypothesis, seen, posterior.offset + shift, posterior.scale) < best


def _density(hypothesis: Hypothesis, seen: Observations, offset: float, scale: float) -> float:
    noise = hypothesis.noise * np.eye(len(seen.losses))
    covariance = scale**2 * (dense(hypothesis, seen.places, seen.places) + noise)
    mean = offset + scale * hypothesis.trust * seen.places.expectation.mean
    return float(multivariate_normal(mean, covariance).logpdf(seen.losses))


def _integral(hypothesis: Hypothesis, seen: Observations, scale: float) -> float:
    """The log of the density of the losses, integrated over the offset."""
    middle = float(np.mean(seen.losses - scale * hypothesis.trust * seen.places.expectation.mean))
    width = 10 * scale
    offsets = [middle + width * (i / 10 - 1) for i in range(21)]
    peak = max(_density(hypothesis, seen, offset, scale) for offset in offsets)
    total, _ = quad(
        lambda offset: np.exp(_density(hypothesis, seen, offset, scale) - peak),
        middle - width,
        middle + width,
        points=offsets[8:13],
        limit=200,
    )
    return float(peak + np.log(total))


def test_the_evidence_is_that_of_the_losses_whatever_the_offset() -> None:
    """Up to one constant for all hypotheses, by numerical integration."""
    seen = observed()
    rivals = [COLD, WARM, replace(WARM, deviation=0.1, noise=0.1), replace(COLD, noise=1e-3)]
    posteriors = [condition(hypothesis, seen) for hypothesis in rivals]
    found = np.array([item.evidence for item in posteriors])
    expected = np.array([_integral(item.hypothesis, seen, item.scale) for item in posteriors])
    np.testing.assert_allclose(found - found[0], expected - expected[0], atol=1e-4)


def test_the_scale_and_zero_of_the_losses_do_not_change_the_evidence_or_the_shape() -> None:
    seen, at = observed(), places(5, 3)
    moved = replace(seen, losses=1e6 + 1e-3 * seen.losses)
    here, there = condition(WARM, seen), condition(WARM, moved)
    other = condition(COLD, moved).evidence - condition(COLD, seen).evidence
    assert there.evidence - here.evidence == pytest.approx(other, abs=1e-4)
    mean, deviation = here.predict(at, NOTHING)
    moved_mean, moved_deviation = there.predict(at, NOTHING)
    np.testing.assert_allclose((moved_mean - 1e6) * 1e3, mean, atol=1e-4)
    np.testing.assert_allclose(moved_deviation * 1e3, deviation, rtol=1e-4)


def test_an_uncertain_loss_is_followed_less_and_teaches_less() -> None:
    seen = observed()
    doubtful = replace(seen, variances=np.where(np.arange(8) == 0, 4.0, 0.0))
    sure, unsure = (Surrogate([COLD], item) for item in (seen, doubtful))
    at = Places(seen.places.points[:1], seen.places.expectation[:1])
    mean, deviation = unsure.predict(at)
    assert abs(mean[0] - seen.losses[0]) > 2 * abs(sure.predict(at)[0][0] - seen.losses[0])
    assert deviation[0] > 2 * sure.predict(at)[1][0]


@pytest.mark.parametrize("hypothesis", [COLD, WARM])
def test_pending_places_shrink_the_deviation_and_leave_the_mean(hypothesis: Hypothesis) -> None:
    posterior, at, pending = condition(hypothesis, observed()), places(6, 2), places(3, 4)
    mean, deviation = posterior.predict(at, NOTHING)
    still_mean, less = posterior.predict(at, pending)
    np.testing.assert_allclose(still_mean, mean)
    assert (less < deviation).all()
    _, there = posterior.predict(pending, pending)
    _, before = posterior.predict(pending, NOTHING)
    assert (there < 0.7 * before).all()


def test_pending_places_shrink_the_deviation_as_observations_of_them_would() -> None:
    seen, at, pending = observed(), places(6, 2), places(3, 4)
    posterior = condition(WARM, seen)
    _, less = posterior.predict(at, pending)
    every = seen.places + pending
    noisy = dense(WARM, every, every) + WARM.noise * np.eye(11)
    cross = dense(WARM, at, every)
    rest = np.diag(dense(WARM, at, at) - cross @ np.linalg.solve(noisy, cross.T))
    np.testing.assert_allclose(less, posterior.scale * np.sqrt(rest), rtol=1e-6)


def test_the_improvement_is_that_of_simulation() -> None:
    seen, at = observed(), places(6, 2)
    surrogate = Surrogate([WARM, COLD], seen)
    generator = np.random.default_rng(0)
    evidence = [condition(item, seen).evidence + np.log(item.probability) for item in (WARM, COLD)]
    chance = np.exp(evidence - np.logaddexp(*evidence))
    expected = np.zeros(6)
    for weight, hypothesis in zip(chance, (WARM, COLD), strict=True):
        mean, deviation = condition(hypothesis, seen).predict(at, NOTHING)
        losses = mean + deviation * generator.standard_normal((200_000, 6))
        expected += weight * np.maximum(seen.losses.min() - losses, 0).mean(0)
    np.testing.assert_allclose(surrogate.improvement(at, NOTHING), expected, atol=0.005)


def test_the_average_has_the_moments_of_a_mixture() -> None:
    seen, at = observed(), places(6, 2)
    pair = [replace(COLD, probability=0.5), replace(COLD, probability=0.5, noise=0.5)]
    surrogate = Surrogate(pair, seen)
    evidence = np.array([condition(item, seen).evidence for item in pair])
    chance = np.exp(evidence - np.logaddexp(*evidence))
    means, deviations = zip(
        *(condition(item, seen).predict(at, NOTHING) for item in pair), strict=True
    )
    mean, deviation = surrogate.predict(at)
    covered = chance if chance.max() < 0.95 else np.round(chance)
    expected = covered @ np.array(means)
    np.testing.assert_allclose(mean, expected)
    square = covered @ (np.array(deviations) ** 2 + np.array(means) ** 2)
    np.testing.assert_allclose(deviation, np.sqrt(square - expected**2))


def test_trust_rises_with_what_the_past_foretold_and_falls_with_its_opposite() -> None:
    pair = [WARM, COLD]
    trusts = [Surrogate(pair, observed(count)).trust for count in (2, 6, 20)]
    assert trusts[-1] > 0.95 > 0.5 < trusts[0]
    doubts = [Surrogate(pair, observed(count, scale=-2.0)).trust for count in (2, 6, 20)]
    assert doubts[-1] < 0.05


def test_after_one_trial_nothing_is_known_of_the_trust() -> None:
    assert Surrogate([WARM, COLD], observed(1)).trust == pytest.approx(0.8, abs=0.15)


def test_without_hypotheses_that_trust_the_past_there_is_no_trust() -> None:
    assert Surrogate([COLD], observed()).trust == 0


def test_hardly_probable_hypotheses_are_left_out() -> None:
    absurd = replace(COLD, probability=1e-9)
    alone, both = Surrogate([WARM], observed()), Surrogate([WARM, absurd], observed())
    np.testing.assert_allclose(alone.predict(places(5, 3)), both.predict(places(5, 3)))


@pytest.mark.parametrize("losses", [np.full(12, 0.1), np.full(12, 0.0), np.full(12, -3e12)])
def test_equal_losses_are_expected_everywhere(losses: Array) -> None:
    surrogate = Surrogate([COLD, WARM], Observations(places(12, 1), losses, np.zeros(12)))
    mean, deviation = surrogate.predict(places(5, 3))
    np.testing.assert_allclose(mean, losses[0], rtol=1e-5, atol=1e-4)
    assert np.isfinite(deviation).all()
    assert np.isfinite(surrogate.improvement(places(5, 3), NOTHING)).all()


@pytest.mark.parametrize("scale", [1e12, 1e-12, 1e150, 1e-200, 1e-300])
def test_the_improvement_of_huge_and_tiny_losses_has_their_scale(scale: float) -> None:
    """The variance of a stopped trial underflows with the square of a tiny scale."""
    seen, at = observed(), places(6, 2)
    doubt = np.where(np.arange(8) == 0, 1.0, 0.0)
    seen = replace(seen, variances=doubt)
    scaled = Observations(seen.places, seen.losses * scale, doubt * scale * scale)
    expected = Surrogate([COLD, WARM], seen).improvement(at, NOTHING)
    found = Surrogate([COLD, WARM], scaled).improvement(at, NOTHING) / scale
    if scale * scale > 0:
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)
    assert np.isfinite(found).all()


def test_losses_that_differ_little_far_from_zero_are_told_apart() -> None:
    seen = observed()
    far = replace(seen, losses=1e6 + 1e-6 * seen.losses)
    at = places(6, 2)
    expected = Surrogate([WARM], seen).improvement(at, NOTHING)
    found = Surrogate([WARM], far).improvement(at, NOTHING) * 1e6
    assert np.argmax(found) == np.argmax(expected)
    np.testing.assert_allclose(found, expected, rtol=0.05, atol=1e-3)


def test_the_same_place_many_times_is_no_trouble() -> None:
    one = places(1, 1)
    same = Places(
        np.repeat(one.points, 60, axis=0),
        Expectation(np.repeat(one.expectation.mean, 60), np.zeros((60, 3))),
    )
    noise = 1e-9 * np.random.default_rng(0).standard_normal(60)
    quiet = [replace(WARM, noise=1e-3), replace(COLD, noise=1e-3)]
    surrogate = Surrogate(quiet, Observations(same, 1.0 + noise, np.zeros(60)))
    improvement = surrogate.improvement(same + places(4, 2), same)
    assert np.isfinite(improvement).all()
