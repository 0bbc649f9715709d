"""Shares of the variance, against functions whose shares are known in closed form."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from meta.encoding import Encoding
from meta.importance import Importance, past_importance, study_importance
from meta.prior import fit_prior
from meta.space import Categorical, Float, Int, SearchSpace
from meta.study import Measurement, Metric, Study, Task, Trial, TrialState

SPACE = SearchSpace(
    {"a": Float(0, 1), "b": Float(1e-4, 1, log=True), "c": Int(1, 10), "d": Categorical(("p", "q"))}
)


def studied(loss: Callable[..., float], count: int = 80, id: str = "s") -> Study:
    encoding = Encoding(SPACE)
    units = encoding.spread(np.random.default_rng(0).random((count, 4)))
    trials = tuple(
        Trial(
            n,
            encoding.config(row),
            TrialState.COMPLETED,
            (Measurement(1, float(loss(*row)), 1.0),),
        )
        for n, row in enumerate(units)
    )
    return Study(id, Task("t", "m"), SPACE, Metric("loss", "min"), 0, "cold", trials)


def test_a_sum_shares_out_by_its_squared_weights() -> None:
    found = study_importance(studied(lambda a, b, c, d: 3 * a + b))
    assert found is not None
    assert found["a"].alone == pytest.approx(0.9, abs=0.05)
    assert found["b"].alone == pytest.approx(0.1, abs=0.05)
    assert max(found["c"].total, found["d"].total) < 0.05


def test_what_matters_only_together_matters_in_interactions() -> None:
    found = study_importance(studied(lambda a, b, c, d: (a - 0.5) * (b - 0.5)))
    assert found is not None
    assert found["a"].total > found["a"].alone + 0.5


def test_a_parameter_that_is_alone_explains_all() -> None:
    trials = tuple(
        Trial(n, {"x": n / 8}, TrialState.COMPLETED, (Measurement(1, n / 8, 1.0),))
        for n in range(8)
    )
    space = SearchSpace({"x": Float(0, 1)})
    found = study_importance(replace(studied(lambda *_: 0.0), space=space, trials=trials))
    assert found == {"x": Importance(1.0, 1.0)}


def test_the_past_is_asked_in_the_same_way() -> None:
    encoding = Encoding(SPACE)
    prior = fit_prior([studied(lambda a, b, c, d: 3 * a + b)], encoding)
    assert prior is not None
    found = past_importance(prior, encoding)
    assert found is not None
    assert found["a"].alone > 0.7 > 0.2 > found["b"].alone > found["c"].total


def test_few_trials_and_equal_losses_tell_nothing() -> None:
    assert study_importance(studied(lambda *_: 1.0)) is None
    assert study_importance(studied(lambda a, *_: a, count=15)) is None


def test_failed_trials_do_not_count() -> None:
    study = studied(lambda a, *_: a, count=16)
    failed = [replace(trial, state=TrialState.FAILED) for trial in study.trials]
    assert study_importance(study.with_trials(failed)) is None
