"""Runs the studies of the starter history and writes them to the file that ships with the program.

    nice -n 15 python -m benchmarks.starter --data-dir ../shared/data

Every built-in task of boosted trees is tuned twice, by chance and by TPE, each on a split of its
own, one trial at a time in one thread, every trial to its end; the first one is the default. Run
again, it goes on where it was interrupted: a journal per study stays in ``build/starter``.
"""

import argparse
import os
from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import optuna

import trainables
from meta.space import Config
from meta.study import Measurement, Study, Trial, TrialState
from trainables.base import Data, DataRequest
from tuner import context
from tuner.catalogue import configs
from tuner.config import StudyConfig
from tuner.context import Batch, TrialContext, TrialSetting
from tuner.events import Ended, Event, Measured, Started
from tuner.importers.archive import write_archive
from tuner.journal import FILE_NAME, Journal
from tuner.search import SAMPLERS, distributions, trial_seed
from tuner.starter import PATH

ROOT = Path(__file__).parents[1]
JOURNALS = ROOT / "build" / "starter"
SEEDS = {"random": 1000, "tpe": 1001}
"""Of split, sampler and trainings; nobody's usual seed, so nobody is told of his own validation."""

TRIALS = {"adult": 50, "wine-quality": 110}
OTHERS = 130
"""Trials of a study: fewer where one takes long."""


def run(config: StudyConfig, sampler: str, data_dir: Path) -> Study:
    """The study of a task by a sampler, after all its trials; its features are those of today."""
    trainable = trainables.get(config.trainable)
    assert trainable.load is not None
    data = trainable.load(
        DataRequest(config.task.dataset, SEEDS[sampler], "random", "rmse", data_dir)
    )
    directory = JOURNALS / f"{config.task.id}-{sampler}-{data.fingerprint}"
    journal = _journal(directory, config, sampler, data)
    trials = TRIALS.get(config.task.dataset, OTHERS)
    while len(journal.trials) < trials:
        _try_one(journal, config, sampler, data)
    journal.close()
    return replace(journal.study, features=data.features)


def _journal(directory: Path, config: StudyConfig, sampler: str, data: Data) -> Journal:
    if (directory / FILE_NAME).is_file():
        return Journal.open(directory)
    directory.mkdir(parents=True)
    study = Study(
        id=f"starter-{config.task.id}-{sampler}",
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
    context.run(setting, TrialContext(setting, number, seed, data.payload, batches.append), params)
    origin = sampler if number else "default"
    journal.append(Started(number, params, origin, seed), *_events(number, batches))


def _propose(study: Study, sampler: str, seed: int) -> Config:
    space = distributions(study.space)
    told = optuna.create_study(direction="minimize", sampler=SAMPLERS[sampler](seed))
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
            state, reason, seconds = batch["ended"]
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


def _tell(studies: Iterable[Study]) -> None:
    """A line for each task: how many trials it took and how long they trained."""
    for task, group in groupby(studies, lambda study: study.task.id):
        trials = [trial for study in group for trial in study.trials]
        print(f"{task:24} {len(trials):4} trials {sum(t.seconds for t in trials):6.0f} s")


def main() -> None:
    """Run what is missing, then write the file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-dir", type=Path, required=True, help="local copies of the data")
    data_dir = parser.parse_args().data_dir
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    studies = [
        _compact(run(config, sampler, data_dir))
        for config in configs().values()
        if config.trainable == "tabular"
        for sampler in SEEDS
    ]
    write_archive(PATH, studies)
    _tell(studies)


if __name__ == "__main__":
    main()
