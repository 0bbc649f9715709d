"""What the runs of the studies themselves show, without those of their trials."""

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING

from tuner.tracking.records import METRIC, STUDY, TRIALS
from tuner.tracking.runs import find_runs

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

MOST_RUNS = 100_000
OVER = {"FINISHED", "FAILED", "KILLED"}


@dataclass(frozen=True)
class Survey:
    """The newest studies of an experiment, newest first, and the deleted runs in it.

    ``runs`` are the runs of each study itself: one, or more if an answer of MLflow was once lost.
    ``stamps`` are of the studies that are over; with whatever changes, in what the projection
    writes or by a trial that is deleted or restored, the stamp changes.
    """

    runs: dict[str, list["Run"]]
    stamps: dict[str, str]
    deleted: frozenset[str]


def survey(client: "MlflowClient", experiment_id: str) -> Survey:
    """Ask MLflow for the studies that together have no more than ``MOST_RUNS`` runs.

    What this takes depends on the number of studies and of deleted runs, not on that of trials.
    """
    deleted: dict[str, list[str]] = defaultdict(list)
    for run in islice(find_runs(client, experiment_id, "", "deleted_only"), MOST_RUNS):
        deleted[run.data.tags.get(STUDY, "")].append(run.info.run_id)
    runs: dict[str, list[Run]] = defaultdict(list)
    left = MOST_RUNS
    only_studies = f"tags.`{METRIC}` != '' AND tags.`{STUDY}` != ''"
    for run in find_runs(client, experiment_id, only_studies):
        left -= 1 + _trials(run)
        if left < 0:
            break
        runs[run.data.tags[STUDY]].append(run)
    stamps = {
        id: _stamp(own, deleted.get(id, ()))
        for id, own in runs.items()
        if all(run.info.status in OVER for run in own)
    }
    return Survey(dict(runs), stamps, frozenset().union(*deleted.values()))


def _trials(run: "Run") -> int:
    said = run.data.tags.get(TRIALS, "")
    return int(said) if said.isdecimal() and len(said) < 10 else 0


def _stamp(runs: Sequence["Run"], deleted: Collection[str]) -> str:
    shown = [
        [run.info.run_id, run.info.status, run.info.end_time, sorted(run.data.tags.items())]
        for run in runs
    ]
    return sha256(json.dumps([shown, sorted(deleted)]).encode()).hexdigest()
