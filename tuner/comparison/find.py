"""From what was named on the command line to finished studies."""

from collections.abc import Sequence
from pathlib import Path

from tuner import tasks
from tuner.comparison.runs import FinishedRun, read_finished
from tuner.config_reader import load
from tuner.design import FILE_NAME as EXPERIMENT
from tuner.design import Record
from tuner.errors import RunDirectoryError, UsageError
from tuner.home import home
from tuner.journal_file import FILE_NAME as JOURNAL


def find_runs(sources: Sequence[str]) -> tuple[list[FinishedRun], list[str]]:
    """The finished studies of tasks, run directories and experiments, and what was left out.

    Raises ``UsageError`` for a name that is none of these, ``RunDirectoryError`` for a directory
    without a finished study.
    """
    runs: list[FinishedRun] = []
    notes: list[str] = []
    for source in sources:
        directory = Path(source)
        if (directory / EXPERIMENT).is_file():
            _experiment(directory, runs, notes)
        elif directory.is_dir():
            runs.append(read_finished(directory))
        else:
            _task(source, runs, notes)
    return list({run.study.id: run for run in runs}.values()), notes


def _experiment(directory: Path, runs: list[FinishedRun], notes: list[str]) -> None:
    for member in Record.read(directory).design.members():
        try:
            runs.append(read_finished(directory / member.directory))
        except RunDirectoryError:
            notes.append(f"{directory / member.directory}: not finished, left out.")


def _task(source: str, runs: list[FinishedRun], notes: list[str]) -> None:
    """The studies of a task under the home, oldest first."""
    ids = {load(name).task.id for name in tasks.expand([source])}
    folders = [*home().glob(f"runs/*/{JOURNAL}"), *home().glob(f"experiments/*/*/*/{JOURNAL}")]
    found = len(runs)
    for file in sorted(folders, key=lambda path: path.stat().st_mtime):
        try:
            run = read_finished(file.parent)
        except RunDirectoryError:
            notes.append(f"{file.parent}: unfinished or damaged, left out.")
            continue
        if run.study.task.id in ids:
            runs.append(run)
    if len(runs) == found:
        raise UsageError(
            f"no finished study of {source!r} in {home()}. Run `tuner run {source} --arms"
            " cold,warm`, or name the directories of runs."
        )
