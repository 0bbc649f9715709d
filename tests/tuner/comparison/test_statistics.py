"""The numbers of the literature's libraries, and what the intervals and tests promise."""

import itertools

import numpy as np
import pytest
from scipy import stats

from tuner.comparison.statistics import (
    Groups,
    cohens_d,
    detectable,
    estimate,
    holm,
    interval,
    rank_biserial,
    t_test,
    wilcoxon,
)

BEFORE = np.array([0.62, 0.66, 0.61, 0.70, 0.65, 0.64, 0.69])
AFTER = np.array([0.60, 0.65, 0.615, 0.66, 0.62, 0.63, 0.64])
DIFFERENCES = AFTER - BEFORE


def test_the_paired_t_test_is_scipys() -> None:
    expected = stats.ttest_rel(AFTER, BEFORE)
    assert t_test(estimate([DIFFERENCES])) == pytest.approx(expected.pvalue)
    assert estimate([DIFFERENCES]).freedom == pytest.approx(expected.df)


def test_two_tasks_of_unequal_spread_are_judged_as_welch_judges_two_samples() -> None:
    """The mean of two tasks is half the difference of one and the other's negative."""
    narrow, wide = DIFFERENCES[:4], 5 * DIFFERENCES[3:]
    expected = stats.ttest_ind(narrow, -wide, equal_var=False)
    found = estimate([narrow, wide])
    assert t_test(found) == pytest.approx(expected.pvalue)
    assert found.freedom == pytest.approx(expected.df)


def test_over_tasks_like_these_each_task_counts_once() -> None:
    groups = [DIFFERENCES + shift for shift in (0.0, 0.01, -0.02, 0.03, 0.0, -0.01)]
    expected = stats.ttest_1samp([group.mean() for group in groups], 0)
    assert t_test(estimate(groups, generalises=True)) == pytest.approx(expected.pvalue)


def test_equal_pairs_and_pairs_that_differ_by_the_same_have_no_t_test() -> None:
    assert t_test(estimate([np.zeros(5)])) == 1.0
    assert t_test(estimate([np.full(5, 0.1)])) is None
    assert cohens_d([np.full(5, 0.1)]) is None
    assert detectable(estimate([np.full(4, 0.5)])) is None


def test_the_wilcoxon_test_is_scipys_where_no_ranks_are_tied() -> None:
    assert wilcoxon(DIFFERENCES) == pytest.approx(stats.wilcoxon(AFTER, BEFORE).pvalue)


def test_tied_ranks_are_gone_through_sign_by_sign() -> None:
    differences = np.array([1.0, 1.0, 2.0, 2.0, -1.0, 3.0, 0.0])
    ranks = stats.rankdata(np.abs(differences[:-1]))
    sums = [ranks @ signs for signs in itertools.product((0, 1), repeat=6)]
    observed, middle = ranks @ (differences[:-1] > 0), ranks.sum() / 2
    extreme = np.mean(np.abs(np.array(sums) - middle) >= abs(observed - middle) - 1e-9)
    assert wilcoxon(differences) == pytest.approx(extreme)


def test_five_pairs_cannot_reach_five_percent_by_wilcoxon() -> None:
    assert wilcoxon(np.arange(1.0, 6.0)) == pytest.approx(1 / 16)
    assert wilcoxon(np.zeros(5)) == 1.0


@pytest.mark.slow
def test_holm_corrects_as_statsmodels_does_and_leaves_out_what_has_no_p() -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    values = [0.01, 0.04, 0.03, 0.005, 0.8, 0.04]
    expected = multitest.multipletests(values, method="holm")[1]
    assert holm(values) == pytest.approx(list(expected))
    assert holm([0.01, None, 0.03]) == [pytest.approx(0.02), None, pytest.approx(0.03)]


@pytest.mark.slow
def test_the_detectable_effect_is_that_of_statsmodels_power_analysis() -> None:
    power = pytest.importorskip("statsmodels.stats.power")
    for tests in (1, 4):
        effect = power.TTestPower().solve_power(nobs=7, alpha=0.05 / tests, power=0.8)
        expected = effect * DIFFERENCES.std(ddof=1)
        assert detectable(estimate([DIFFERENCES]), tests) == pytest.approx(expected, rel=1e-4)


def test_effect_sizes_of_known_samples() -> None:
    assert cohens_d([np.array([1.0, 2.0, 3.0])]) == pytest.approx(2.0)
    assert rank_biserial(np.array([1.0, 2.0, 3.0])) == 1.0
    assert rank_biserial(np.array([-1.0, 2.0, 3.0, 0.0])) == pytest.approx(4 / 6)
    assert rank_biserial(np.zeros(3)) is None


def test_three_pairs_give_no_interval_and_four_do() -> None:
    assert interval([DIFFERENCES[:3]]) is None
    assert interval([DIFFERENCES[:4]]) is not None


def test_equal_differences_leave_no_doubt() -> None:
    assert interval([np.full(5, 0.1)]) == (pytest.approx(0.1), pytest.approx(0.1))


def test_an_interval_is_the_same_each_time() -> None:
    assert interval([DIFFERENCES]) == interval([DIFFERENCES])


def covered(generalises: bool, tasks: int, spread: float, runs: int = 250) -> tuple[int, int]:
    """How often the interval held the true mean 0, and how often the t-test found an effect."""
    random = np.random.default_rng(7)
    held = found = 0
    for _ in range(runs):
        means = spread * random.normal(size=tasks)
        groups: Groups = [mean + random.normal(size=5) for mean in means]
        span = interval(groups, generalises)
        assert span is not None
        held += span[0] <= 0 <= span[1]
        p = t_test(estimate(groups, generalises))
        found += p is not None and p < 0.05
    return held, found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("generalises", "tasks", "spread"), [(False, 1, 0.0), (False, 4, 0.0), (True, 6, 1.0)]
)
def test_intervals_and_tests_keep_their_promise(
    generalises: bool, tasks: int, spread: float
) -> None:
    """Within what chance gives in so many repetitions with probability 99.9 %."""
    held, found = covered(generalises, tasks, spread)
    low, high = stats.binom.ppf([0.0005, 0.9995], 250, 0.95)
    assert low <= held <= high
    assert stats.binom.ppf(0.0005, 250, 0.05) <= found <= stats.binom.ppf(0.9995, 250, 0.05)


@pytest.mark.slow
def test_tasks_taken_as_given_promise_nothing_about_others() -> None:
    """What is broken on purpose: effects that differ between tasks, judged as if they did not."""
    random = np.random.default_rng(7)
    held = 0
    for _ in range(100):
        groups: Groups = [mean + random.normal(size=5) for mean in 2 * random.normal(size=6)]
        span = interval(groups)
        assert span is not None
        held += span[0] <= 0 <= span[1]
    assert held < 80
