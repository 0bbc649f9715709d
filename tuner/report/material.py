"""What a page is written from: one run, read from its directory alone and without writing to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from meta.prior import Prior
from meta.study import Study, Trial, TrialState
from tuner.design import FILE_NAME as EXPERIMENT
from tuner.design import Record
from tuner.errors import RunDirectoryError, UsageError
from tuner.events import Ended, FinalFit, Finished, Started, fold
from tuner.final_result import FinalResult
from tuner.journal_file import FILE_NAME as JOURNAL
from tuner.journal_file import Entry, read_journal
from tuner.ledger import Ledger
from tuner.priors import load_prior

PAUSE_SECONDS = 2.0
"""The clock on the wall was so much ahead of the study's: it was interrupted and resumed."""


@dataclass(frozen=True)
class Point:
    """The best completed value after ``trials`` trials had ended, ``seconds`` after the start."""

    trials: int
    seconds: float
    value: float
    trial: int


@dataclass(frozen=True)
class Run:
    """A study with all that its journal holds; ``header`` is what the driver kept beside it."""

    directory: Path
    study: Study
    header: dict[str, Any]
    entries: Sequence[Entry]

    @property
    def config(self) -> dict[str, Any]:
        """The configuration of the study as JSON."""
        return self.header.get("config") or {}

    @property
    def past(self) -> dict[str, Any]:
        """What the study started from."""
        return self.header.get("past") or {}

    @property
    def synthetic(self) -> bool:
        """Whether the data were generated."""
        return bool(self.config.get("synthetic"))

    @cached_property
    def finished(self) -> Finished | None:
        """Why the study ended; None while it has not."""
        return next((e.event for e in self.entries if isinstance(e.event, Finished)), None)

    @cached_property
    def tested(self) -> FinalResult | None:
        """What the final fits came to, if there were any."""
        fits = [e.event for e in self.entries if isinstance(e.event, FinalFit)]
        return FinalResult(tuple(fits)) if fits else None

    @property
    def seconds(self) -> float:
        """How long the study ran, over all its sessions."""
        return self.entries[-1].elapsed_seconds if self.entries else 0.0

    @cached_property
    def started(self) -> dict[int, float]:
        """When each trial was first handed out, in seconds of running time."""
        handed = (e for e in reversed(self.entries) if isinstance(e.event, Started))
        return {e.event.trial: e.elapsed_seconds for e in handed if isinstance(e.event, Started)}

    @cached_property
    def ended(self) -> dict[int, float]:
        """When each trial ended, in the order in which they did."""
        ends = ((e.event, e.elapsed_seconds) for e in self.entries)
        return {event.trial: seconds for event, seconds in ends if isinstance(event, Ended)}

    @cached_property
    def by_id(self) -> dict[int, Trial]:
        """The trials by their number."""
        return {trial.id: trial for trial in self.study.trials}

    @cached_property
    def anytime(self) -> list[Point]:
        """The improvements of the best completed value, in the order in which they came."""
        points: list[Point] = []
        for count, (id, seconds) in enumerate(self.ended.items(), 1):
            trial = self.by_id[id]
            if trial.state is TrialState.COMPLETED and trial.value is not None:
                loss = self.study.metric.loss
                if not points or loss(trial.value) < loss(points[-1].value):
                    points.append(Point(count, seconds, trial.value, id))
        return points

    @cached_property
    def pauses(self) -> list[float]:
        """The seconds between the sessions of a study that was resumed."""
        gaps = [
            later.unix_time - earlier.unix_time - (later.elapsed_seconds - earlier.elapsed_seconds)
            for earlier, later in pairwise(self.entries)
        ]
        return [gap for gap in gaps if gap > PAUSE_SECONDS]

    @cached_property
    def ledger(self) -> Ledger:
        """What the study occupied and used."""
        ledger = Ledger()
        for entry in self.entries:
            ledger.enter(entry.event, entry.elapsed_seconds)
        return ledger

    def prior(self) -> Prior | None:
        """What the study learned from its past; raises ``RunDirectoryError`` if it is damaged."""
        return load_prior(self.directory, bool(self.past.get("sources")))


def read_run(directory: Path) -> Run:
    """Read a run, also one that is under way; raises as ``read_journal``."""
    study, header, entries = read_journal(directory)
    trials: dict[int, Trial] = {}
    for entry in entries:
        fold(trials, entry.event)
    study = study.with_trials(tuple(trials[id] for id in sorted(trials)))
    return Run(directory, study, header, entries)


def read_runs(directories: Sequence[Path]) -> list[Run]:
    """Read runs that can be shown on one page, of an experiment all that have begun.

    Raises ``UsageError`` for different tasks or metrics.
    """
    runs = [read_run(study) for directory in directories for study in _studies(directory)]
    first = runs[0].study
    for run in runs[1:]:
        metric, other = first.metric, run.study.metric
        if (first.task, metric.name, metric.mode) != (run.study.task, other.name, other.mode):
            raise UsageError(
                f"cannot show {other.name} ({run.study.task.id}) beside {metric.name}"
                f" ({first.task.id}). Give the runs of one task;"
                " `tuner compare … --html FILE` shows several."
            )
    return runs


def _studies(directory: Path) -> list[Path]:
    """The directory of a run itself, or those in an experiment, arm by arm."""
    if not (directory / EXPERIMENT).is_file():
        return [directory]
    members = Record.read(directory).design.members()
    folders = [directory / member.directory for member in members]
    begun = [folder for folder in folders if (folder / JOURNAL).is_file()]
    if not begun:
        raise RunDirectoryError(
            f"{directory}: no study has begun. Go on with `tuner resume {directory}`."
        )
    return sorted(begun)
