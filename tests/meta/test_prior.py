"""What is expected of a new task: against the textbook, and at the edges."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from meta.arrays import Array
from meta.encoding import Encoding
from meta.prior import (
    MAX_POINTS,
    MAX_SOURCES,
    SHARES,
    STRANGER,
    Expectation,
    Prior,
    fit_prior,
    normal_scores,
)
from meta.study import Measurement, Study, Trial, TrialState
from tests.meta.records import CUBE, at_random, bowl, bowls, curve, evaluated, study, trial

CODE = Encoding(CUBE)
FAILED = TrialState.FAILED


def fitted(studies: list[Study], related: list[float] | None = None) -> Prior:
    prior = fit_prior(studies, CODE, related)
    assert prior is not None
    return prior


@pytest.fixture(scope="module")
def past() -> list[Study]:
    return bowls(4, seed=0, trials=15)


@pytest.fixture(scope="module")
def joint(past: list[Study]) -> tuple[Prior, Array, Array, Array]:
    """A prior, and the textbook's scores, owners and noisy covariance of all points."""
    prior = fitted(past)
    scores = np.concatenate([sorted_scores(item) for item in past])
    owners = np.repeat(np.arange(len(past)), 15)
    tasks = prior.shared + (1 - prior.shared) * (owners[:, None] == owners)
    covariance = tasks * prior.kernel(prior.points, prior.points)
    return prior, scores, owners, covariance + prior.kernel.noise * np.eye(len(scores))


def sorted_scores(past: Study) -> Array:
    """Quantiles of the standard normal at the middles of equal shares."""
    count = len(past.trials)
    return norm.ppf((np.arange(count) + 0.5) / count)


def test_the_points_are_those_of_the_trials_best_first(past: list[Study]) -> None:
    prior = fitted(past)
    tried = [trial.config for item in past for trial in item.ranking]
    np.testing.assert_allclose(prior.points, CODE.points(CODE.units(tried)))
    assert prior.owners.tolist() == np.repeat(range(4), 15).tolist()
    assert prior.sources == ("past 0", "past 1", "past 2", "past 3")


def test_what_is_expected_of_a_source_is_the_posterior_of_a_process_over_tasks(
    joint: tuple[Prior, Array, Array, Array],
) -> None:
    prior, scores, owners, covariance = joint
    points = np.random.default_rng(1).random((7, 3))
    found = prior.scores(points)
    for source in range(4):
        tasks = prior.shared + (1 - prior.shared) * (owners == source)
        cross = tasks * prior.kernel(points, prior.points)
        np.testing.assert_allclose(found[:, source], cross @ np.linalg.solve(covariance, scores))


def test_the_new_task_is_expected_to_be_as_all_are_and_partly_as_its_kin(
    joint: tuple[Prior, Array, Array, Array],
) -> None:
    prior, scores, owners, covariance = joint
    points = np.random.default_rng(2).random((7, 3))
    kin = prior.shared + (1 - prior.shared) * prior.kinship[owners]
    cross = kin * prior.kernel(points, prior.points)
    found = prior.expect(points)
    np.testing.assert_allclose(found.mean, cross @ np.linalg.solve(covariance, scores))


def test_the_ways_to_deviate_are_the_deviations_of_the_past_tasks(
    joint: tuple[Prior, Array, Array, Array],
) -> None:
    prior, scores, owners, covariance = joint
    points = np.random.default_rng(3).random((7, 3))
    deviations = prior.expect(points).deviations
    solved = np.linalg.solve(covariance, scores)
    for source in range(4):
        own = (1 - prior.shared) * prior.kernel(points, prior.points) * (owners == source)
        np.testing.assert_allclose(deviations[:, source], own @ solved / np.sqrt(4))


def test_the_common_share_is_the_most_probable_one(
    joint: tuple[Prior, Array, Array, Array],
) -> None:
    prior, scores, owners, _ = joint

    def likelihood(share: float) -> float:
        tasks = share + (1 - share) * (owners[:, None] == owners)
        noise = prior.kernel.noise * np.eye(len(scores))
        covariance = tasks * prior.kernel(prior.points, prior.points) + noise
        return float(multivariate_normal(np.zeros(len(scores)), covariance).logpdf(scores))

    assert prior.shared == max(SHARES, key=likelihood)


def test_tasks_that_agree_have_more_in_common_than_tasks_that_do_not() -> None:
    configs = at_random(30, 0)
    alike = [evaluated(configs, bowl(0.3, 0.3, 0.3), name=str(i)) for i in range(3)]
    centres = [(0.0, 0.5, 1.0), (1.0, 0.0, 0.5), (0.5, 1.0, 0.0)]
    unlike = [evaluated(configs, bowl(*at), name=str(at)) for at in centres]
    assert fitted(alike).shared == max(SHARES)
    assert fitted(unlike).shared < 0.3


def test_the_nearer_kin_has_the_larger_say(past: list[Study]) -> None:
    prior = fitted(past, [0.3, 0.9, 0.5, 0.1])
    assert prior.sources == ("past 1", "past 2", "past 0", "past 3")
    assert (np.diff(prior.kinship) < 0).all()
    assert 0 < prior.kinship.sum() <= 1


def test_without_features_all_are_strangers(past: list[Study]) -> None:
    assert fitted(past).kinship == pytest.approx(fitted(past, [STRANGER] * 4).kinship)


def test_only_the_most_related_studies_are_taken() -> None:
    studies = [evaluated(at_random(3, i), bowl(0.5), name=str(i)) for i in range(MAX_SOURCES + 20)]
    related = [0.01 + i / 200 for i in range(len(studies))]
    prior = fitted(studies, related)
    assert prior.sources == tuple(str(i) for i in range(len(studies) - 1, 19, -1))
    assert len(prior.points) == 3 * MAX_SOURCES


def test_of_long_studies_the_best_third_stays_and_others_by_chance() -> None:
    studies = [evaluated(at_random(1200, i), bowl(0.5, 0.5, 0.5), name=str(i)) for i in range(3)]
    prior = fitted(studies)
    each = MAX_POINTS // 3
    assert len(prior.points) == 3 * each
    best = [trial.config for trial in studies[0].ranking[: each // 3]]
    np.testing.assert_allclose(prior.units[: each // 3], CODE.units(best))
    rest = prior.units[each // 3 : each]
    distances = np.sum((rest - 0.5) ** 2, axis=1)
    assert np.quantile(distances, 0.9) > 0.3
    assert len(np.unique(prior.units[:each], axis=0)) == each


def test_only_the_order_of_the_losses_counts(past: list[Study]) -> None:
    points = np.random.default_rng(4).random((9, 3))
    bent = [
        study(
            [Trial(t.id, t.config, t.state, (Measurement(1, np.exp(9 * t.value), 0),))
             for t in item.trials],
            name=item.id,
        )
        for item in past
    ]  # fmt: skip
    expected = fitted(past).expect(points)
    np.testing.assert_allclose(fitted(bent).expect(points).mean, expected.mean)


def test_normal_scores_are_quantiles_and_ties_share_theirs() -> None:
    assert normal_scores(np.array([5.0, -1.0, 1e9])) == pytest.approx(
        norm.ppf([1 / 2, 1 / 6, 5 / 6])
    )
    assert normal_scores(np.array([2.0, 2.0, 2.0])) == pytest.approx([0, 0, 0])


def test_a_past_of_equal_values_expects_nothing() -> None:
    prior = fitted([evaluated(at_random(10, 0), lambda config: 0.1)])
    expected = prior.expect(np.random.default_rng(0).random((5, 3)))
    assert expected.mean == pytest.approx(np.zeros(5), abs=1e-9)


@pytest.mark.parametrize("studies", [[], [study([])], [study([Trial(0, {"x": 0.1})])]])
def test_a_past_that_measured_nothing_gives_no_prior(studies: list[Study]) -> None:
    assert fit_prior(studies, CODE) is None


@pytest.mark.parametrize("trials", [1, 2, 3])
def test_a_single_study_of_few_trials_is_a_past(trials: int) -> None:
    prior = fitted([evaluated(at_random(trials, 0), bowl(0.5, 0.5, 0.5))])
    expected = prior.expect(np.random.default_rng(0).random((5, 3)))
    assert np.isfinite(expected.mean).all()
    assert expected.deviations.shape == (5, 1)


def test_the_same_point_many_times_is_a_past() -> None:
    trials = [trial(i, {"x": 0.1, "y": 0.1, "z": 0.1}, float(i % 2)) for i in range(200)]
    prior = fitted([study(trials, name=str(i)) for i in range(3)])
    assert np.isfinite(prior.expect(np.full((1, 3), 0.1)).mean).all()


def test_failures_are_remembered_those_of_a_study_that_measured_nothing_too(
    past: list[Study],
) -> None:
    x, y = {"x": 0.1, "y": 0.2, "z": 0.3}, {"x": 0.9, "y": 0.9, "z": 0.9}
    failures = study([trial(0, x, state=FAILED), trial(1, y, state=TrialState.DIVERGED)], name="f")
    prior = fitted([*past, failures])
    np.testing.assert_allclose(prior.failed, CODE.units([x, y]))
    assert "f" not in prior.sources


def test_at_most_so_many_failures_are_remembered_as_points() -> None:
    failures = [trial(i, {"x": 0.1}, state=FAILED) for i in range(MAX_POINTS + 1)]
    prior = fitted([study([*failures, trial(MAX_POINTS + 1, {"x": 0.2}, 1.0)])])
    assert len(prior.failed) == MAX_POINTS


def test_a_stopped_trial_of_the_past_counts_where_hardly_any_was_completed() -> None:
    early = Trial(9, {"x": 0.55}, TrialState.STOPPED, curve(4.0))
    trials = [trial(i, {"x": i / 10}, 5.0 + i, 1.0 + i) for i in range(5)]
    assert 0.55 in fitted([study([*trials[:4], early])]).units[:, 0]
    assert 0.55 not in fitted([study([*trials, early])]).units[:, 0]


def test_expectations_are_joined_and_picked_by_rows(past: list[Study]) -> None:
    points = np.random.default_rng(5).random((6, 3))
    prior = fitted(past)
    together, joined = prior.expect(points), prior.expect(points[:2]) + prior.expect(points[2:])
    for some in (joined, together[np.arange(6)]):
        np.testing.assert_allclose(some.mean, together.mean)
        np.testing.assert_allclose(some.deviations, together.deviations)
    assert isinstance(together[:0], Expectation)
    assert together[:0].deviations.shape == (0, 4)


def test_a_saved_prior_is_read_back_as_it_was(past: list[Study], tmp_path: Path) -> None:
    points = np.random.default_rng(6).random((6, 3))
    prior = fitted(past)
    prior.save(tmp_path / "prior.npz")
    again = Prior.load(tmp_path / "prior.npz")
    assert [item.name for item in tmp_path.iterdir()] == ["prior.npz"]
    assert (again.sources, again.shared) == (prior.sources, prior.shared)
    np.testing.assert_array_equal(again.expect(points).mean, prior.expect(points).mean)
    np.testing.assert_array_equal(again.failed, prior.failed)


@pytest.mark.parametrize("left", [slice(-30), slice(0), slice(10), slice(10, None)])
def test_a_damaged_prior_is_told(left: slice, past: list[Study], tmp_path: Path) -> None:
    path = tmp_path / "prior.npz"
    fitted(past).save(path)
    path.write_bytes(path.read_bytes()[left])
    with pytest.raises(ValueError, match=r"prior|pickle"):
        Prior.load(path)
