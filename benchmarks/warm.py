"""What the past saves on the built-in tabular tasks: each study warm and cold, paired by its seed.

    python -m benchmarks.warm --data-dir ../shared/data

Every study is a `tuner run` as a user types it. The past is the starter history without the task's
own data set, in a store of its own, and nothing else: no study here learns from another. The cold
study is `--baseline`: the same sampler, split and trainings without any past; it needs no default
first. Counted are the trials that had been handed out, and the seconds of training that all trials
had taken in sum, when the warm study first had what the cold one had at its end, and the ratio of
the seconds. A warm study that never gets there counts with one trial more than it had, and with
all its seconds. Studies that were run before are read from `build/warm`.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from meta.study import Study, TrialState
from tuner.journal import Journal
from tuner.starter import starter_studies
from tuner.tracking import write_studies

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "warm"
RESULTS = Path(__file__).parent / "results" / "warm.json"
TASKS = ("wine-quality-xgboost", "wine-quality-lightgbm", "adult-xgboost", "adult-lightgbm")
DRAWS = 10_000


def history_without(dataset: str) -> str:
    """The address of a store that holds the starter history of all other data sets."""
    uri = f"sqlite:///{BUILD / f'history-without-{dataset}.db'}"
    others = [study for study in starter_studies() if study.task.dataset != dataset]
    write_studies(uri, "warmtune", others, "starter history", replace=False)
    return uri


def study(task: str, arm: str, seed: int, arguments: argparse.Namespace) -> Study:
    """The study as its journal has it, run now if it was not run before."""
    directory = BUILD / f"{task}-{arm}-{seed}"
    if not (directory / "journal.db").exists():
        dataset = task.rsplit("-", 1)[0]
        words = ["run", task, "--seed", str(seed), "--trials", str(arguments.trials)]
        words += ["--data-dir", str(arguments.data_dir), "--out", str(directory), "--no-finalize"]
        words += [
            "--address",
            "local",
            "--quiet",
            "--tracking-uri",
            f"sqlite:///{BUILD / 'runs.db'}",
        ]
        past = ["--no-starter", "--history", history_without(dataset)]
        words += past if arm == "warm" else ["--baseline"]
        environment = {**os.environ, "TUNER_HOME": str(BUILD / "home")}
        command = [sys.executable, "-m", "tuner", *words]
        subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    journal = Journal.open(directory)
    journal.close()
    return journal.study


def reached(run: Study, target: float) -> tuple[int, float]:
    """Trials and seconds of training until a completed trial is at least as good as ``target``."""
    seconds = 0.0
    for count, trial in enumerate(run.trials, 1):
        seconds += trial.seconds
        done = trial.state is TrialState.COMPLETED and trial.value is not None
        if done and run.metric.loss(trial.value or 0.0) <= run.metric.loss(target):
            return count, seconds
    return len(run.trials) + 1, seconds


def pair(task: str, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """One warm study beside its cold one."""
    cold, warm = (study(task, arm, seed, arguments) for arm in ("cold", "warm"))
    assert cold.fingerprint == warm.fingerprint
    assert cold.best
    assert warm.best
    assert cold.best.value is not None
    cold_trials, cold_seconds = reached(cold, cold.best.value)
    trials, seconds = reached(warm, cold.best.value)
    return {
        "task": task,
        "seed": seed,
        "cold_best": cold.best.value,
        "warm_best": warm.best.value,
        "better": warm.metric.loss(warm.best.value or 0.0) < cold.metric.loss(cold.best.value),
        "cold_trials": cold_trials,
        "warm_trials": trials,
        "cold_seconds": round(cold_seconds, 2),
        "warm_seconds": round(seconds, 2),
    }


def interval(ratios: Sequence[float]) -> list[float]:
    """The geometric mean of paired ratios and its 95 % interval, by the bootstrap."""
    logs = np.log(ratios)
    draws = np.random.default_rng(0).choice(logs, (DRAWS, len(logs))).mean(1)
    return [round(float(np.exp(x)), 3) for x in (logs.mean(), *np.quantile(draws, [0.025, 0.975]))]


def summary(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians, and the ratio warm to cold with its interval."""
    return {
        "pairs": len(pairs),
        "warm_better": sum(row["better"] for row in pairs),
        **{
            key: float(np.median([row[key] for row in pairs]))
            for key in ("cold_trials", "warm_trials", "cold_seconds", "warm_seconds")
        },
        "seconds_ratio": interval([row["warm_seconds"] / row["cold_seconds"] for row in pairs]),
        "trials_ratio": interval([row["warm_trials"] / row["cold_trials"] for row in pairs]),
    }


def main() -> None:
    """Run what is missing, print the table and keep it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--tasks", nargs="+", default=TASKS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=50)
    arguments = parser.parse_args()
    arguments.data_dir = arguments.data_dir.absolute()
    BUILD.mkdir(parents=True, exist_ok=True)
    pairs = []
    for seed in range(arguments.seeds):
        for task in arguments.tasks:
            pairs.append(pair(task, seed, arguments))
            print(pairs[-1], flush=True)
    tables = {
        task: summary([row for row in pairs if row["task"] == task]) for task in arguments.tasks
    }
    tables["all"] = summary(pairs)
    machine = {"cores": os.cpu_count(), "python": platform.python_version()}
    result = {
        "date": date.today().isoformat(),
        "machine": machine,
        "tables": tables,
        "pairs": pairs,
    }
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(tables, indent=2))


if __name__ == "__main__":
    main()
