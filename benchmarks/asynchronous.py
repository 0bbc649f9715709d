"""Does the past help where trials run side by side and most of them are stopped early?

    nice -n 10 python -m benchmarks.asynchronous       (stop and restart at will)
    python -m benchmarks.asynchronous --report         (only the tables, from what has been run)

Trials train on a virtual clock by the curves of lcbench (`hpo_history/README.md` in
``$WARMTUNE_SHARED``). ``asha``: four workers and early stopping, for as long as they would need
for ``TRAININGS`` full trainings of median cost; r is that of the best full training so far, at
most ``CEILING``, also while there is none. ``whole``: ``TRIALS`` full trainings by one, four or
eight workers; r is that of the first trials in the order of their start. Proposing takes no time on
the clock; the tables say what it took.

The past is 100 random configurations of each other task: ``curves``, all trained in full;
``stopped``, under ASHA; ``survivors``, the same without the trials that ASHA stopped. ``rows``
chooses among the rows that were not tried yet, with the past of ``curves``.

Each run is kept in build/asynchronous.jsonl with a digest of the sampler's code: a rerun computes
what is missing, and what the code has changed since, unless ``--any-version``.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd

from benchmarks.asynchronous_tables import COUNTS, FRACTIONS, publish
from benchmarks.transfer import SHARED, Run, code_version, families, past_rows
from benchmarks.transfer_scores import CEILING, Array, distance
from benchmarks.virtual_clock import Completed, Curve, Curves, Tuning, simulate
from meta.sampler import MetaGPSampler
from meta.sampler.records import parameter
from meta.space import Config, SearchSpace
from meta.study import Metric, Study, Task, Trial, TrialState
from tuner.asha import Asha

RUNS = Path(__file__).parents[1] / "build" / "asynchronous.jsonl"
FAMILY = "lcbench"
METRIC = Metric("error", "min", 0.0, 1.0)
RUNGS, FACTOR = (1, 3, 9, 27), 3
TRAININGS, TRIALS, SEEDS = 10, 50, 3
WORKERS = {"whole 1": 1, "whole 4": 4, "whole 8": 8, "asha": 4}
"""By protocol, in the order of their running."""

Record = dict[str, Any]


@cache
def curves() -> dict[str, Curves]:
    """By task. Where the table's time runs backwards the clock stands still."""
    table = pd.read_parquet(SHARED / f"{FAMILY}_values.parquet")
    found = {}
    for task, rows in table.groupby("task"):
        wide = rows.pivot(index="config_id", columns="epoch", values=["error", "time_s"])
        values, seconds = wide["error"], wide["time_s"].to_numpy(float)
        found[str(task)] = Curves(
            tuple(values.columns), values.to_numpy(float), np.maximum.accumulate(seconds, axis=1)
        )
    return found


def past(task: str, seed: int, rungs: tuple[int, ...] = ()) -> list[Study]:
    """The studies of the other tasks, whose trials were compared at ``rungs``."""
    rows = past_rows("history_random100.parquet", FAMILY)
    return [_study(other, rows[other, seed], rungs) for other in curves() if other != task]


def _study(task: str, rows: Array, rungs: tuple[int, ...]) -> Study:
    configs, space = families()[FAMILY].tasks[task].configs, families()[FAMILY].space
    asha = Asha(METRIC, rungs, FACTOR)
    trials = [
        _train(number, configs[row], curves()[task].of(row), asha)
        for number, row in enumerate(rows)
    ]
    parameters = {name: parameter(item) for name, item in space.distributions.items()}
    return Study(task, Task(task, "mlp"), SearchSpace(parameters), METRIC, 0, "imported", trials)


def _train(number: int, config: Config, curve: Curve, asha: Asha) -> Trial:
    for end, measurement in enumerate(curve, start=1):
        if reason := asha.judge(number, measurement):
            return Trial(number, config, TrialState.STOPPED, curve[:end], reason)
    return Trial(number, config, TrialState.COMPLETED, curve)


def _rows(task: str) -> list[Config]:
    configs = families()[FAMILY].tasks[task].configs
    return [configs[row] for row in range(len(configs))]


def survivors(studies: list[Study]) -> list[Study]:
    return [study.with_trials(study.ranking) for study in studies]


METHODS: dict[str, Callable[[str, int], Any]] = {
    "random": lambda _, seed: optuna.samplers.RandomSampler(seed=seed),
    "tpe": lambda _, seed: optuna.samplers.TPESampler(seed=seed),
    "meta-gp cold": lambda _, seed: MetaGPSampler(seed=seed),
    "meta-gp curves": lambda task, seed: MetaGPSampler(past(task, seed), seed=seed),
    "meta-gp rows": lambda task, seed: MetaGPSampler(
        past(task, seed), seed=seed, candidates=_rows(task)
    ),
    "meta-gp stopped": lambda task, seed: MetaGPSampler(past(task, seed, RUNGS), seed=seed),
    "meta-gp survivors": lambda task, seed: MetaGPSampler(
        survivors(past(task, seed, RUNGS)), seed=seed
    ),
}
ONLY = {
    "meta-gp rows": ("whole 1", "whole 8"),
    "meta-gp stopped": ("whole 1", "asha"),
    "meta-gp survivors": ("whole 1",),
}
"""The protocols of the methods that are not in all of them."""


def execute(run: Run) -> Record:
    family, of = families()[FAMILY], curves()[run.task]
    sampler = METHODS[run.method](run.task, run.seed)
    tuning = Tuning(family.space, family.tasks[run.task], of, sampler)
    workers, stops = WORKERS[run.protocol], run.protocol == "asha"
    asha = Asha(METRIC, RUNGS, FACTOR) if stops else None
    until = TRAININGS * float(np.median(of.seconds[:, -1])) / workers if stops else np.inf
    completed = simulate(tuning, workers, asha, len(of.values) if stops else TRIALS, until)
    best = _by_time(completed, until) if stops else _by_start(completed)
    r = np.minimum(distance(best, of.values[:, -1]), CEILING)
    return {"r": r.tolist(), "full": len(completed), **_look(tuning, workers)}


def _look(tuning: Tuning, workers: int) -> Record:
    """How different the proposals were: ``first_gap`` is that of the first on each worker."""
    return {
        "trials": len(tuning.proposals),
        "repeated": len(tuning.proposals) - len(set(tuning.proposals)),
        "crowded": tuning.crowded,
        "gap": float(np.median(tuning.gaps or np.nan)),
        "first_gap": float(np.median(tuning.gaps[: workers - 1] or np.nan)),
        "ms": 1000 * tuning.seconds / len(tuning.proposals),
    }


def _by_time(completed: list[Completed], until: float) -> Array:
    """The best full training at each of ``FRACTIONS``; infinite while there is none."""
    return np.array(
        [
            min((item.value for item in completed if item.seconds <= share * until), default=np.inf)
            for share in FRACTIONS
        ]
    )


def _by_start(completed: list[Completed]) -> Array:
    return np.array(
        [min(item.value for item in completed if item.number < count) for count in COUNTS]
    )


def planned(seeds: int) -> Iterator[Run]:
    for seed, protocol, task, method in product(range(seeds), WORKERS, curves(), METHODS):
        if protocol in ONLY.get(method, WORKERS):
            yield Run(protocol, method, FAMILY, task, seed)


def digest(method: str) -> str:
    return code_version(method.partition(" ")[0])


def kept(any_version: bool) -> dict[Run, Record]:
    """The runs of the present code, or the latest of any."""
    if not RUNS.exists():
        return {}
    found = [json.loads(line) for line in RUNS.read_text().splitlines()]
    now = {method: digest(method) for method in METHODS}
    return {
        Run(*item["run"]): item
        for item in found
        if any_version or item["version"] == now[item["run"][1]]
    }


def compute(seeds: int, any_version: bool) -> None:
    done = kept(any_version)
    todo = [run for run in planned(seeds) if run not in done]
    digests = {method: digest(method) for method in METHODS}
    RUNS.parent.mkdir(exist_ok=True)
    for count, run in enumerate(todo, start=1):
        record = {"run": run, "version": digests[run.method], **execute(run)}
        with RUNS.open("a") as file:
            file.write(json.dumps(record) + "\n")
        print(f"{count}/{len(todo)} {run}", file=sys.stderr)


def past_record() -> Record:
    """How far the trials of the past were trained under ASHA, on average over tasks and seeds."""
    rows = past_rows("history_random100.parquet", FAMILY)
    drawn = [(task, rows[task, seed]) for task in curves() for seed in range(SEEDS)]
    studies = [_study(task, some, RUNGS) for task, some in drawn]
    full = [len(study.ranking) / len(study.trials) for study in studies]
    cost = [
        sum(trial.trained_seconds for trial in study.trials)
        / curves()[task].seconds[some, -1].sum()
        for study, (task, some) in zip(studies, drawn, strict=True)
    ]
    return {
        "trained_in_full": round(float(np.mean(full)), 3),
        "cost": round(float(np.mean(cost)), 3),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--any-version", action="store_true", help="also runs of older code")
    parser.add_argument("--report", action="store_true", help="run nothing")
    args = parser.parse_args()
    if not SHARED.is_dir():
        print(f"skipped: no past studies in {SHARED}; $WARMTUNE_SHARED says where they are")
        return 0
    if not args.report:
        compute(args.seeds, args.any_version)
    publish(kept(args.any_version), past_record())
    return 0


if __name__ == "__main__":
    sys.exit(main())
