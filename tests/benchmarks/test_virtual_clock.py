"""The clock on which trials train side by side, on curves whose ends are known."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
import pytest

from benchmarks.virtual_clock import Completed, Curves, Tuning, simulate
from meta.study import Metric
from tuner.asha import Asha

VALUES = [0.5, 0.4, 0.3, 0.2]


class Line:
    """One parameter and a table of four rows: what `transfer_bench.py` gives a run."""

    distributions = {"x": optuna.distributions.FloatDistribution(0, 3)}  # noqa: RUF012

    def suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        return {"x": trial.suggest_float("x", 0, 3)}

    def encode(self, configs: list[dict[str, Any]]) -> Any:
        return np.array([[config["x"]] for config in configs])


class Rows(list[dict[str, float]]):
    X = np.arange(4.0)[:, None]


def nearest(config: dict[str, float], taken: Any = False) -> int:
    distances = np.abs(np.arange(4) - config["x"])
    return int(np.where(taken, np.inf, distances).argmin())


def tuning(proposals: list[float], seconds: list[tuple[float, float]]) -> Tuning:
    """Each proposal as given, each row trained to two epochs at these seconds."""
    table = SimpleNamespace(configs=Rows({"x": float(row)} for row in range(4)), nearest=nearest)
    curves = Curves((1, 2), np.array([[value + 0.1, value] for value in VALUES]), np.array(seconds))
    made = Tuning(Line(), table, curves, optuna.samplers.RandomSampler(seed=0))
    for x in proposals:
        made._study.enqueue_trial({"x": x})
    return made


def test_a_worker_that_is_done_starts_the_next_trial_at_once() -> None:
    completed = simulate(tuning([0, 1, 2], [(1, 10), (1, 4), (1, 3), (1, 1)]), 2, None, 3, math.inf)

    assert completed == [Completed(4, 1, 0.4), Completed(7, 2, 0.3), Completed(10, 0, 0.5)]


def test_what_has_not_ended_when_the_clock_stops_does_not_count() -> None:
    completed = simulate(tuning([0, 1, 2], [(1, 10), (1, 4), (1, 3), (1, 1)]), 2, None, 3, 7)

    assert [item.number for item in completed] == [1, 2]


def test_a_stopped_trial_frees_its_worker_and_is_told_as_pruned_with_its_curve() -> None:
    made = tuning([3, 0, 2], [(1, 2), (1, 2), (1, 2), (1, 2)])
    asha = Asha(Metric("error", "min"), (1,), 2)

    completed = simulate(made, 1, asha, 3, math.inf)

    states = [trial.state.name for trial in made._study.trials]
    assert states == ["COMPLETE", "PRUNED", "PRUNED"]
    assert made._study.trials[1].intermediate_values == {1: pytest.approx(0.6)}
    assert [item.seconds for item in completed] == [2]


def test_a_proposal_is_moved_to_a_row_of_its_own_and_the_study_is_told_while_it_runs() -> None:
    made = tuning([1.1, 1.2, 1.3], [(1, 2)] * 4)

    for _ in range(3):
        made.start()

    assert [trial.params["x"] for trial in made._study.trials] == [1, 2, 0]
    assert made.crowded == 2
    assert made.gaps == pytest.approx([0.2, 0.3])
