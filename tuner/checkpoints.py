"""The checkpoints of a study's trials, which stay until the journal knows how the trial ended."""

import shutil
from functools import partial
from pathlib import Path

from meta.study import TrialState
from tuner.events import Ended, Event
from tuner.journal import Journal

FOLDER = "checkpoints"


def drop_when_ended(journal: Journal) -> None:
    """Remove the checkpoints that no running trial goes on from, and from now on of each that ends.

    The worker cannot: until its last report is in the journal, a trial may have to go on. What a
    repair forgot must go before its number is another configuration's, and so must a final fit's.
    """
    folder = journal.path.parent / FOLDER
    running = [id for id, trial in journal.trials.items() if trial.state is TrialState.RUNNING]
    goes_on = {name for id in running for name in _names(id)}
    for kept in folder.glob("*"):
        if kept.name not in goes_on:
            shutil.rmtree(kept, ignore_errors=True)
    journal.listen(partial(_hear, folder))


def _hear(folder: Path, event: Event) -> None:
    if isinstance(event, Ended):
        for name in _names(event.trial):
            shutil.rmtree(folder / name, ignore_errors=True)


def _names(trial: int) -> tuple[str, str]:
    return f"{trial}", f"{trial}.new"
