"""The final fit: the only training that sees the test data."""

from dataclasses import replace
from pathlib import Path

import pytest

from meta.space import Config
from meta.study import Measurement, Metric, Task, Trial, TrialState
from tests.tuner.studies import METRIC, SPACE, journal
from trainables import tabular
from trainables.base import Data, DataRequest
from tuner.cluster import Cluster
from tuner.config import Budget, Resources, StudyConfig
from tuner.errors import NoTrialCompleted
from tuner.events import FinalFit
from tuner.finalize import FinalFits
from tuner.journal import Journal
from tuner.session import session

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_cluster")]

TOY = StudyConfig(Task("toy", "curve"), "toy", METRIC, SPACE, resources=Resources(gpu=0))
NONE = Data(None, "", {}, {})
TREES = {"learning_rate": 0.1, "max_depth": 3, "n_estimators": 800, "subsample": 1.0}


def fit(
    folder: Path,
    config: StudyConfig,
    best: Config,
    data: Data = NONE,
    seeds: tuple[int, ...] = (0,),
) -> list[FinalFit]:
    """The final fits of a trial that was best with ``n_estimators`` cut to 100."""
    cut: Config = {"n_estimators": 100} if "n_estimators" in best else {}
    trial = Trial(0, best, TrialState.COMPLETED, (Measurement(9, 0.5, 1.0, {}, cut),))
    log = journal(folder)
    with Cluster("local") as cluster, session(log, config, cluster, data.payload) as at_work:
        FinalFits(at_work, trial, data.held_out).run(list(seeds))
    return log.final_fits


def test_the_last_value_counts_and_no_rung_interrupts(tmp_path: Path) -> None:
    (tested,) = fit(tmp_path, TOY, {"x": 0.3, "y": 0.7})
    assert tested.value == pytest.approx(2.718281828**-5)
    assert tested.config == {"x": 0.3, "y": 0.7}


@pytest.mark.parametrize(("mode", "reason"), [("raise", "RuntimeError"), ("kill", "process died")])
def test_a_final_fit_that_fails_says_why(tmp_path: Path, mode: str, reason: str) -> None:
    with pytest.raises(NoTrialCompleted, match=f"final fit: .*{reason}.*--no-finalize"):
        fit(tmp_path, TOY, {"x": 0.3, "mode": mode})


def test_a_final_fit_that_hangs_is_ended_and_what_it_used_counted(tmp_path: Path) -> None:
    config = replace(TOY, budget=Budget(step_timeout_seconds=0.1))
    with pytest.raises(NoTrialCompleted, match=r"final fit: no result after 1 s .*step_timeout"):
        fit(tmp_path, config, {"x": 0.3, "mode": "hang"})
    used = Journal.open(tmp_path).ledger.trials[None]
    assert used.seconds >= 1
    assert used.cpu == 1


def test_a_worker_that_dies_is_replaced_as_a_trials_is(tmp_path: Path) -> None:
    config = replace(TOY, seed=7)
    (tested,) = fit(tmp_path, config, {"x": 0.3, "mode": "kill_once"}, seeds=(7,))
    assert (tested.seed, tested.config["mode"]) == (7, "kill_once")


def test_it_trains_what_was_recommended_and_measures_on_the_test_rows(tmp_path: Path) -> None:
    data = tabular.load(DataRequest("diabetes", 0))
    config = replace(
        TOY, task=Task("diabetes", "xgboost"), trainable="tabular", metric=Metric("rmse", "min")
    )
    tested, other = sorted(
        fit(tmp_path, config, TREES, data, (0, 5)), key=lambda fit: fit.seed or 0
    )
    assert tested.config == {**TREES, "n_estimators": 100}
    assert tested.metrics["rounds"] == 100
    assert tested.metrics["rmse"] == tested.value
    assert (tested.seed, other.seed) == (0, 5)
    truth = data.held_out.y
    assert 0.5 * truth.std() < tested.value < 1.2 * truth.std()
