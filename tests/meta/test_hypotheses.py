"""Which hypotheses about a new task are weighed."""

from typing import Any

import numpy as np
import pytest

from meta import hypotheses
from meta.arrays import Array
from meta.hypotheses import COLD, OWN_FROM, OWN_MOST, cold, own_kernel, warm
from meta.kernel import Belief, Kernel, fit_kernel
from meta.surrogate import Hypothesis


def drawn(count: int) -> tuple[Array, Array]:
    """Losses that depend on the first of two dimensions only."""
    points = np.random.default_rng(0).random((count, 2))
    return points, np.sin(6 * points[:, 0])


def kernels(some: list[Hypothesis]) -> set[tuple[float, ...]]:
    return {tuple(item.kernel.scales) for item in some}


def test_the_probabilities_are_those_of_one_belief() -> None:
    own = own_kernel(*drawn(6))
    without, trusting = cold(2, own), warm(Kernel(np.ones(2)), own)
    assert sum(item.probability for item in without) == pytest.approx(COLD)
    assert sum(item.probability for item in without + trusting) == pytest.approx(1)


def test_those_without_the_past_neither_trust_it_nor_deviate_as_it_does() -> None:
    assert {(item.trust, item.deviation) for item in cold(2, None)} == {(0.0, 0.0)}


def test_those_that_trust_the_past_leave_something_unexplained_on_its_scales() -> None:
    trusting = warm(Kernel(np.array([0.2, 3.0]), amplitude=5.0), None)
    assert {item.trust for item in trusting} == {1.0}
    assert kernels(trusting) == {(0.2, 3.0)}
    assert all(0 < item.kernel.amplitude <= 1 for item in trusting)


def test_what_the_past_leaves_unexplained_may_have_the_scales_of_the_task_too() -> None:
    own = Kernel(np.array([1.0, 2.0]))
    assert kernels(warm(Kernel(np.array([0.2, 3.0])), own)) == {(0.2, 3.0), (1.0, 2.0)}
    assert (1.0, 2.0) in kernels(cold(2, own))


def test_a_kernel_is_fitted_to_the_task_once_it_has_a_few_trials() -> None:
    assert own_kernel(*drawn(OWN_FROM - 1)) is None
    assert all(len(set(scales)) == 1 for scales in kernels(cold(2, None)))
    fitted = own_kernel(*drawn(30))
    assert fitted
    assert fitted.scales[1] > 3 * fitted.scales[0]


def test_scales_grow_with_the_number_of_dimensions_as_distances_do() -> None:
    few, many = (cold(columns, None) for columns in (2, 32))
    ratio = many[0].kernel.scales[0] / few[0].kernel.scales[0]
    assert ratio == pytest.approx(4)


def test_equal_losses_give_finite_kernels() -> None:
    points, _ = drawn(12)
    fitted = own_kernel(points, np.full(12, 0.1))
    assert fitted
    assert np.isfinite(fitted.scales).all()


def test_the_kernel_of_the_task_follows_its_trials() -> None:
    points, losses = drawn(30)
    first, again, other = (
        own_kernel(points, some) for some in (losses, losses.copy(), np.sin(6 * points[:, 1]))
    )
    assert first
    assert again
    assert other
    assert (first.scales == again.scales).all()
    assert (first.scales != other.scales).any()


def test_of_many_trials_the_kernel_is_fitted_to_some_and_kept_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fits: list[tuple[int, int]] = []

    def recorded(groups: Any, belief: Belief, iterations: int) -> Kernel:
        fits.append(groups[0][0].shape)
        return fit_kernel(groups, belief, iterations=1)

    monkeypatch.setattr(hypotheses, "fit_kernel", recorded)
    points, losses = drawn(280)
    for count in range(270, 279):
        own_kernel(points[:count], losses[:count])
    assert fits == [(OWN_MOST, 2)] * 3
