"""What it costs to record a trial in MLflow: ours, and Ray Tune's own MLflow callback.

    python -m benchmarks.tracking

Both record the same trials, of ten reports with four metrics each, in new SQLite stores, in the
order A B A B …; the curves that they leave in MLflow must be equal. Ray's callback is the real one,
fed with results as Tune makes them, which carry a dozen fields of Tune's own. The journal that ours
reads is written beforehand, since every study writes one anyway; ours is called once for every
eight trials, which is about how often the background thread looks. The once-only cost of MLflow's
imports and of making the store is left out. Then the studies are read back.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.bulk_store import SPACE
from benchmarks.bulk_store import trials as made_trials
from meta.study import Measurement, Metric, Study, Task, Trial
from tuner.events import Ended, Finished, Measured, Started
from tuner.journal import Journal
from tuner.tracking import read_studies
from tuner.tracking.projection import Projection
from tuner.tracking.store import connect

RESULTS = Path(__file__).parent / "results" / "tracking.json"
TRIALS_PER_LOOK = 8


@dataclass(frozen=True)
class Cost:
    """Milliseconds per trial."""

    cpu: float
    wall: float

    @classmethod
    def of(cls, record: Callable[[], None], trials: int) -> "Cost":
        cpu, wall = time.process_time(), time.perf_counter()
        record()
        spent = time.process_time() - cpu, time.perf_counter() - wall
        return cls(*(1000 * seconds / trials for seconds in spent))


def append(journal: Journal, trial: Trial) -> None:
    reports = [Measured(trial.id, measurement) for measurement in trial.measurements]
    started = Started(trial.id, trial.config, "tpe", trial.seed)
    journal.append(started, *reports, Ended(trial.id, trial.state, "", 0.2))


def record_ours(trials: list[Trial], uri: str, folder: Path) -> Cost:
    study = Study("s", Task("wine", "trees"), SPACE, Metric("rmse", "min"), 0, "warm")
    journal = Journal.create(folder, study, {})
    projection = Projection(folder, uri, "warmtune")
    total = Cost(0.0, 0.0)
    for start in range(0, len(trials), TRIALS_PER_LOOK):
        for trial in trials[start : start + TRIALS_PER_LOOK]:
            append(journal, trial)
        cost = Cost.of(projection.update, len(trials))
        total = Cost(total.cpu + cost.cpu, total.wall + cost.wall)
    journal.append(Finished("done"))
    cost = Cost.of(lambda: projection.update(last=True), len(trials))
    projection.close()
    return Cost(total.cpu + cost.cpu, total.wall + cost.wall)


class TuneTrial:
    """As much of Tune's trial as its callback looks at."""

    def __init__(self, trial: Trial) -> None:
        self.config = trial.config
        self._name = f"trial {trial.id}"

    def __str__(self) -> str:
        return self._name


def tune_result(trial: Trial, measurement: Measurement) -> dict[str, Any]:
    return {
        "rmse": measurement.value,
        **measurement.metrics,
        "timestamp": 1_700_000_000,
        "checkpoint_dir_name": None,
        "done": False,
        "training_iteration": measurement.step,
        "trial_id": f"{trial.id:08d}",
        "date": "2026-01-01_00-00-00",
        "time_this_iter_s": 0.02,
        "time_total_s": measurement.seconds,
        "pid": 4242,
        "hostname": "host",
        "node_ip": "127.0.0.1",
        "config": trial.config,
        "time_since_restore": measurement.seconds,
        "iterations_since_restore": measurement.step,
    }


def record_with_ray(trials: list[Trial], uri: str, _: Path) -> Cost:
    from ray.air.integrations.mlflow import MLflowLoggerCallback

    callback = MLflowLoggerCallback(tracking_uri=uri, experiment_name="warmtune")
    callback.setup()  # type: ignore[no-untyped-call]

    def record() -> None:
        for trial in trials:
            tune_trial: Any = TuneTrial(trial)
            callback.log_trial_start(tune_trial)
            for measurement in trial.measurements:
                result = tune_result(trial, measurement)
                callback.log_trial_result(measurement.step, tune_trial, result)
            callback.log_trial_end(tune_trial)

    return Cost.of(record, len(trials))


METHODS = {"warmtune": record_ours, "ray callback": record_with_ray}


def curves(uri: str) -> dict[str, list[float]]:
    client = connect(uri)
    experiment = client.get_experiment_by_name("warmtune")
    assert experiment
    runs = client.search_runs([experiment.experiment_id], max_results=10_000)
    return {
        run.info.run_name: [
            point.value for point in client.get_metric_history(run.info.run_id, "rmse")
        ]
        for run in runs
        if run.info.run_name.startswith("trial ")
    }


def measure(name: str, trials: list[Trial], folder: Path) -> tuple[Cost, float]:
    """The cost of a method; and of ours the milliseconds per trial to read it back."""
    uri = f"sqlite:///{folder}/mlflow.db"
    connect(uri)
    cost = METHODS[name](trials, uri, folder)
    expected = [[item.value for item in trial.measurements] for trial in trials]
    left = curves(uri)
    assert [left[f"trial {trial.id}"] for trial in trials] == expected, name
    reading = Cost.of(lambda: _read(uri, trials), len(trials)) if name == "warmtune" else None
    print(f"{name:14} {cost.cpu:8.1f} ms CPU {cost.wall:8.1f} ms wall per trial", file=sys.stderr)
    return cost, reading.wall if reading else 0.0


def _read(uri: str, trials: list[Trial]) -> None:
    (study,) = read_studies(uri, "warmtune").studies
    assert len(study.trials) == len(trials)


def main() -> None:
    parser = argparse.ArgumentParser(description="Cost of recording a trial in MLflow.")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    trials = list(made_trials(0, arguments.trials))
    costs: dict[str, list[Cost]] = {name: [] for name in METHODS}
    reading = []
    for repeat in range(arguments.repeats + 1):
        for name in METHODS:
            with tempfile.TemporaryDirectory() as folder:
                cost, read = measure(name, trials, Path(folder))
            if repeat:  # the first is the warm-up
                costs[name].append(cost)
                reading += [read] if read else []
    medians = {
        name: {
            "cpu_ms_per_trial": round(statistics.median(cost.cpu for cost in runs), 2),
            "wall_ms_per_trial": round(statistics.median(cost.wall for cost in runs), 2),
        }
        for name, runs in costs.items()
    }
    result = {
        "date": date.today().isoformat(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in ("ray", "mlflow", "sqlalchemy")},
        "trials": arguments.trials,
        "repeats": arguments.repeats,
        "recorded": medians,
        "times_less_cpu": round(
            medians["ray callback"]["cpu_ms_per_trial"] / medians["warmtune"]["cpu_ms_per_trial"], 1
        ),
        "read_back_ms_per_trial": round(statistics.median(reading), 2),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
