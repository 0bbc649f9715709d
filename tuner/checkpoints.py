"""The checkpoints of a study's trials, which stay until the journal knows how the trial ended."""

import shutil
from functools import partial
from pathlib import Path

from meta.study import TrialState
from tuner.events import Ended, Event
from tuner.journal import Journal

FOLDER = "checkpoints"


def drop_when_ended(journal: Journal) -> None:
    """Remove the checkpoints of trials that have ended, and from now on of each that ends.

    The worker cannot: until its last report is in the journal, a trial may have to go on.
    """
    folder = journal.path.parent / FOLDER
    for id, trial in journal.trials.items():
        if trial.state is not TrialState.RUNNING:
            _drop(folder, id)
    journal.listen(partial(_hear, folder))


def _hear(folder: Path, event: Event) -> None:
    if isinstance(event, Ended):
        _drop(folder, event.trial)


def _drop(folder: Path, trial: int) -> None:
    for name in (f"{trial}", f"{trial}.new"):
        shutil.rmtree(folder / name, ignore_errors=True)
