"""What a proposal costs: ours with pasts of several sizes, and Optuna's TPE and GP samplers.

    python -m benchmarks.suggest

A study in four dimensions has so many trials of its own; then as many more are asked for and told
as are timed, and the median is kept. Each cell has a process of its own with one thread, in the
order A B A B …; of the repeats the median. ``first_seconds`` is the first proposal, into which ours
fits its prior; ``peak_mb`` is of the whole process, ``before_mb`` what it takes before the first
proposal: imports and the past itself, as records. What the objective is does not matter here.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import warnings
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler

from meta.encoding import Encoding
from meta.sampler import MetaGPSampler
from meta.sampler.records import parameter
from meta.space import Config, SearchSpace
from meta.study import Measurement, Metric, Study, Task, Trial, TrialState

RESULTS = Path(__file__).parent / "results" / "suggest.json"
OWN = (10, 50, 200, 1000)
PASTS = {"meta-gp 0": (0, 0), "meta-gp 1,000": (10, 100), "meta-gp 100,000": (500, 200)}
"""Past studies and trials of each."""
METHODS = (*PASTS, "tpe", "gp")
TIMED = 20
TIMED_LARGE = 5
"""As many where the study has a thousand trials of its own: GPSampler takes seconds for each."""
SPACE: dict[str, BaseDistribution] = {
    "learning_rate": FloatDistribution(0.01, 0.3, log=True),
    "max_depth": IntDistribution(3, 10),
    "n_estimators": IntDistribution(100, 1000),
    "subsample": FloatDistribution(0.5, 1.0),
}
ENCODING = Encoding(SearchSpace({name: parameter(item) for name, item in SPACE.items()}))

Figures = dict[str, float]


def drawn(count: int, generator: np.random.Generator) -> list[tuple[Config, float]]:
    """Configurations by chance, and their squared distance to a centre that is drawn too."""
    units = ENCODING.spread(generator.random((count, len(SPACE))))
    losses = ((units - 0.3 - 0.1 * generator.standard_normal(len(SPACE))) ** 2).sum(1)
    return [(ENCODING.config(row), float(loss)) for row, loss in zip(units, losses, strict=True)]


def past_study(number: int, count: int) -> Study:
    rows = enumerate(drawn(count, np.random.default_rng([1, number])))
    trials = tuple(
        Trial(i, config, TrialState.COMPLETED, (Measurement(1, loss, 0.0),))
        for i, (config, loss) in rows
    )
    task, metric = Task(str(number), "trees"), Metric("loss", "min")
    return Study(str(number), task, ENCODING.space, metric, 0, "warm", trials)


def sampler(method: str) -> BaseSampler:
    if method in PASTS:
        studies, trials = PASTS[method]
        return MetaGPSampler([past_study(i, trials) for i in range(studies)], seed=0)
    if method == "tpe":
        return optuna.samplers.TPESampler(seed=0)
    return optuna.samplers.GPSampler(seed=0)


def peak_mb() -> float:
    """Of this process alone: what ``getrusage`` says begins with what its parent took."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def measure(method: str, own: int) -> Figures:
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=sampler(method))
    for config, loss in drawn(own, np.random.default_rng(0)):
        study.add_trial(optuna.create_trial(params=dict(config), distributions=SPACE, value=loss))
    before, walls, cpus = peak_mb(), [], []
    timed = TIMED if own < 1000 else TIMED_LARGE
    for loss in np.random.default_rng(2).random(1 + timed):
        wall, cpu = time.perf_counter(), time.process_time()
        trial = study.ask(SPACE)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
        study.tell(trial, float(loss))
    return {
        "ms": 1000 * statistics.median(walls[1:]),
        "cpu_ms": 1000 * statistics.median(cpus[1:]),
        "slowest_cpu_ms": 1000 * max(cpus[1:]),
        "first_cpu_seconds": cpus[0],
        "before_mb": before,
        "peak_mb": peak_mb(),
    }


def in_own_process(method: str, own: int) -> Figures:
    command = [sys.executable, __file__, "--measure", method, "--own", str(own)]
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment = {**os.environ, **threads}
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    figures: Figures = json.loads(run.stdout.splitlines()[-1])
    print(f"{method:16} {own:5} own trials  {figures}", file=sys.stderr)
    return figures


def compare(repeats: int) -> list[dict[str, Any]]:
    cells = [(own, method) for own in OWN for method in METHODS]
    found: dict[tuple[int, str], list[Figures]] = {cell: [] for cell in cells}
    for _ in range(repeats):
        for own, method in cells:
            found[own, method].append(in_own_process(method, own))
    return [
        {"method": method, "own_trials": own}
        | {key: round(statistics.median(one[key] for one in of), 2) for key in of[0]}
        for (own, method), of in found.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--measure", choices=METHODS, help="measure this one once, print JSON")
    parser.add_argument("--own", type=int, default=OWN[0], help="trials of the study itself")
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args.measure, args.own)))
        return
    result = {
        "date": date.today().isoformat(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in ("optuna", "numpy", "scipy")},
        "dimensions": len(SPACE),
        "repeats": args.repeats,
        "cells": compare(args.repeats),
        "load_average": round(os.getloadavg()[2], 1),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
