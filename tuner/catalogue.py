"""The built-in tasks as a list: what each tunes, and where its data are."""

from pathlib import Path

import trainables
from trainables.base import DataRequest
from tuner import tasks
from tuner.config import StudyConfig
from tuner.config_reader import load
from tuner.home import home


def configs() -> dict[str, StudyConfig]:
    """The configurations of the built-in tasks by task id."""
    return {id: load(id) for id in tasks.built_in()}


def whereabouts(config: StudyConfig, data_dir: Path | None) -> str:
    """Where a run would take the data from; nothing is read or fetched."""
    offer = trainables.get(config.trainable).offer
    if offer is None:
        return "no data needed"
    cache = home() / "data"
    return offer.locate(DataRequest(config.task.dataset, 0, directory=data_dir, cache=cache))
