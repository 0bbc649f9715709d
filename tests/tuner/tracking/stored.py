"""Studies that are over, in a store, and what is kept of them on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING

from tests.tuner.tracking.journals import trial_events, write_journal
from tuner.events import Event, Finished
from tuner.tracking.projection import Projection

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

DONE: list[Event] = [*trial_events(0, 0.9, 0.5), *trial_events(1, 0.7), Finished("done")]


def add(folder: Path, uri: str, id: str, events: list[Event] = DONE) -> None:
    write_journal(folder / id, events, id)
    project(folder / id, uri)


def project(directory: Path, uri: str, experiment: str = "warmtune") -> None:
    projection = Projection(directory, uri, experiment)
    projection.update(last=True)
    projection.close()


def run_of(client: "MlflowClient", name: str, study_id: str) -> "Run":
    experiment = client.get_experiment_by_name("warmtune")
    named = f"attributes.run_name = '{name}' AND tags.`warmtune.study` = '{study_id}'"
    (run,) = client.search_runs([experiment.experiment_id], named)
    return run


PARENT = "warm 3: wine-trees"


def files(home: Path) -> list[Path]:
    return sorted(path for path in (home / "history").rglob("*") if path.is_file())
