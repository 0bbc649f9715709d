"""The covariance, and how it is fitted to data."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.stats import multivariate_normal

from meta.arrays import Array
from meta.kernel import JITTER, LOG_SCALE_BOUNDS, Belief, Kernel, _misfit, fit_kernel

VAGUE = Belief(scale=0.5, scale_spread=3.0, amplitude_spread=3.0, noise=0.05, noise_spread=3.0)


def matern(left: Array, right: Array, scales: Array, amplitude: float) -> Array:
    """Equation 4.17 of Rasmussen and Williams, pair by pair."""
    covariance = np.empty((len(left), len(right)))
    for i, one in enumerate(left):
        for j, other in enumerate(right):
            distance = np.sqrt(5 * np.sum(((one - other) / scales) ** 2))
            covariance[i, j] = (1 + distance + distance**2 / 3) * np.exp(-distance)
    return amplitude * covariance


def draw(
    points: Array, scales: Array, noise: float, generator: np.random.Generator, amplitude: float = 1
) -> Array:
    covariance = matern(points, points, scales, amplitude) + noise * np.eye(len(points))
    return generator.multivariate_normal(np.zeros(len(points)), covariance)


def test_the_covariance_is_matern_with_a_scale_for_each_dimension() -> None:
    generator = np.random.default_rng(0)
    left, right, scales = generator.random((4, 3)), generator.random((5, 3)), np.array([0.2, 1, 9])
    expected = matern(left, right, scales, 2.0)
    np.testing.assert_allclose(Kernel(scales, 2.0)(left, right), expected, rtol=1e-7)


def test_a_point_covaries_with_itself_by_the_amplitude() -> None:
    point = np.array([[0.1, 0.7, 1 / 3]])
    assert Kernel(np.full(3, 0.03), 2.5)(point, point) == pytest.approx(2.5)


def test_the_misfit_is_the_negative_log_density_of_the_values() -> None:
    generator = np.random.default_rng(1)
    points, values = generator.random((12, 2)), generator.standard_normal(12)
    scales, amplitude, noise = np.array([0.4, 0.9]), 1.7, 0.03
    squares = (points[:, None] - points) ** 2
    found, _ = _misfit(np.log([*scales, amplitude, noise]), squares, values)
    covariance = matern(points, points, scales, amplitude) + (noise + JITTER) * np.eye(12)
    density = multivariate_normal(np.zeros(12), covariance).logpdf(values)
    assert found == pytest.approx(-density - 6 * np.log(2 * np.pi))


def test_the_gradient_of_the_misfit_is_that_of_finite_differences() -> None:
    generator = np.random.default_rng(2)
    points, values = generator.random((15, 3)), generator.standard_normal(15)
    squares = (points[:, None] - points) ** 2
    parameters = np.log([0.3, 1.0, 2.5, 1.4, 0.02])
    _, gradient = _misfit(parameters, squares, values)
    expected = approx_fprime(parameters, lambda at: _misfit(at, squares, values)[0], 1e-6)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-4)


def test_what_generated_the_data_is_recovered() -> None:
    generator = np.random.default_rng(3)
    groups = []
    for _ in range(6):
        points = generator.random((50, 2))
        groups.append((points, draw(points, np.array([0.2, 0.8]), 0.05, generator)))
    found = fit_kernel(groups, VAGUE)
    assert found.scales == pytest.approx([0.2, 0.8], rel=0.35)
    assert found.amplitude == pytest.approx(1, rel=0.5)
    assert found.noise == pytest.approx(0.05, rel=0.35)


def test_an_irrelevant_dimension_gets_a_long_scale() -> None:
    points = np.random.default_rng(4).random((60, 2))
    values = np.sin(6 * points[:, 0])
    found = fit_kernel([(points, (values - values.mean()) / values.std())], VAGUE)
    assert found.scales[1] > 10 * found.scales[0]


def test_without_data_the_belief_stays() -> None:
    found = fit_kernel([(np.empty((0, 2)), np.empty(0))], Belief(scale=0.7, noise=0.02))
    assert found.scales == pytest.approx([0.7, 0.7])
    assert found.noise == pytest.approx(0.02 + JITTER)


def test_groups_share_the_kernel_and_nothing_else() -> None:
    """The same points with opposite values in two groups are no noise."""
    points = np.random.default_rng(5).random((30, 1))
    values = np.sin(5 * points[:, 0])
    apart = fit_kernel([(points, values), (points, -values)], VAGUE)
    together = fit_kernel([(np.vstack([points] * 2), np.concatenate([values, -values]))], VAGUE)
    assert apart.noise < 0.01 < 0.2 < together.noise


@pytest.mark.parametrize("values", [np.zeros(40), np.ones(40), np.arange(40) % 2 * 2.0 - 1])
def test_one_point_many_times_gives_a_kernel(values: Array) -> None:
    found = fit_kernel([(np.full((40, 3), 0.3), values)], Belief())
    assert np.isfinite([*found.scales, found.amplitude, found.noise]).all()
    low, high = np.exp(LOG_SCALE_BOUNDS)
    assert ((found.scales >= low) & (found.scales <= high)).all()
