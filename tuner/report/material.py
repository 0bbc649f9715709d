"""What a page is written from: one run, read from its directory alone and without writing to it."""

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from meta.prior import Prior
from meta.study import Study
from tuner.design import FILE_NAME as EXPERIMENT
from tuner.design import Record
from tuner.errors import RunDirectoryError, UsageError
from tuner.events import Started
from tuner.journal_file import FILE_NAME as JOURNAL
from tuner.journal_file import Entry, read_journal
from tuner.priors import load_prior
from tuner.standing import Standing

PAUSE_SECONDS = 2.0
"""The clock on the wall was so much ahead of the study's: it was interrupted and resumed."""


class Run(Standing):
    """A study with all that its journal holds; ``header`` is what the driver kept beside it."""

    def __init__(
        self, directory: Path, study: Study, header: dict[str, Any], entries: Sequence[Entry]
    ) -> None:
        super().__init__(study, entries)
        self.directory = directory
        self.header = header
        self.entries = entries

    @cached_property
    def study(self) -> Study:
        """The study with its trials, of which no more will come."""
        return super().study

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
    def started(self) -> dict[int, float]:
        """When each trial was first handed out, in seconds of running time."""
        handed = (e for e in reversed(self.entries) if isinstance(e.event, Started))
        return {e.event.trial: e.elapsed_seconds for e in handed if isinstance(e.event, Started)}

    @cached_property
    def pauses(self) -> list[float]:
        """The seconds between the sessions of a study that was resumed."""
        gaps = [
            later.unix_time - earlier.unix_time - (later.elapsed_seconds - earlier.elapsed_seconds)
            for earlier, later in pairwise(self.entries)
        ]
        return [gap for gap in gaps if gap > PAUSE_SECONDS]

    def prior(self) -> Prior | None:
        """What the study learned from its past; raises ``RunDirectoryError`` if it is damaged."""
        return load_prior(self.directory, bool(self.past.get("sources")))


def read_run(directory: Path) -> Run:
    """Read a run, also one that is under way; raises as ``read_journal``."""
    return Run(directory, *read_journal(directory))


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
