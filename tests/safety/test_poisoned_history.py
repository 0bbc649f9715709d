"""Who can write to the store of past studies can steer the search only so far."""

import numpy as np
import pytest

from meta.encoding import Encoding
from meta.history import sift
from meta.learner import Learner
from meta.prior import fit_prior
from meta.recommend import recommend
from meta.space import Config
from meta.study import Study
from tests.meta.records import CUBE, LOSS, at_random, bowl, bowls, evaluated, study, trial

SEEDS = range(3)
STUDIES = 10
TRIALS = 10
TARGET = (0.3, 0.3, 0.3)
TRAP = bowl(0.95, 0.95, 0.95)


def past(seed: int, poisoned: int) -> list[Study]:
    """Studies of bowls like the target's, of which some praise the opposite corner beyond all."""
    honest = bowls(STUDIES - poisoned, seed)
    lies = [
        evaluated(at_random(40, seed + n), lambda config: TRAP(config) - 1e6, name=f"lie {n}")
        for n in range(poisoned)
    ]
    return [*lies, *honest]


def regret(seed: int, studies: list[Study]) -> float:
    """The best of ten trials, begun with what is recommended; zero is the least."""
    encoding = Encoding(CUBE)
    kept = sift(studies, "model", CUBE, LOSS).kept
    prior = fit_prior(kept, encoding) if kept else None
    learner, generator = Learner(encoding, prior), np.random.default_rng(seed)
    objective = bowl(*TARGET)
    points = [point.config for point in recommend(prior, encoding, 5, {})] if prior else []
    tried: list[Config] = []
    own = study([])
    for number in range(TRIALS):
        config = points[number] if number < len(points) else learner.propose(own, generator).config
        tried.append(config)
        own = study(trial(n, c, objective(c)) for n, c in enumerate(tried))
    return min(objective(config) for config in tried)


def mean_regret(poisoned: int) -> float:
    return float(np.mean([regret(seed, past(seed, poisoned)) for seed in SEEDS]))


@pytest.mark.slow
def test_with_a_third_of_the_past_poisoned_a_study_is_no_worse_than_without_a_past() -> None:
    cold = float(np.mean([regret(seed, []) for seed in SEEDS]))
    clean, poisoned = mean_regret(0), mean_regret(3)
    print(f"regret after {TRIALS} trials: clean {clean:.5f}, poisoned {poisoned:.5f}, {cold=:.5f}")
    assert clean < cold
    assert poisoned < cold


def test_a_liar_gives_at_most_half_of_the_points_and_the_default_is_among_them() -> None:
    encoding = Encoding(CUBE)
    for points in (2, 5, 8):
        found = recommend(fit_prior(past(0, 1), encoding), encoding, points, {})
        assert sum(point.sources == ("lie 0",) for point in found) <= points // 2
        assert CUBE.default() in [point.config for point in found]


def test_what_a_metric_cannot_be_is_refused_however_good_it_looks() -> None:
    infinite = evaluated(at_random(5, 0), lambda _: -1.797e308, name="infinite")
    assert not sift([infinite], "model", CUBE, LOSS).kept
