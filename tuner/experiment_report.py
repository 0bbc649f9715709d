"""What an experiment comes to: its studies, and the comparison of its arms."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuner.comparison.compare import compare
from tuner.comparison.records import Comparison
from tuner.comparison.runs import FinishedRun, read_finished
from tuner.comparison.tables import text as comparison_text
from tuner.design import Design
from tuner.errors import NoTrialCompleted, RunDirectoryError, UsageError
from tuner.terminal import columns


@dataclass(frozen=True)
class ExperimentReport:
    """The finished studies; ``missing`` names those that are not, ``problem`` why not compared."""

    directory: Path
    runs: tuple[FinishedRun, ...]
    missing: tuple[str, ...]
    comparison: Comparison | None
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """Everything, as the one object of ``--json``."""
        return {
            "directory": str(self.directory),
            "studies": [_row(run) for run in self.runs],
            "missing": list(self.missing),
            "comparison": self.comparison and self.comparison.to_json(),
            "problem": self.problem,
        }

    def text(self) -> str:
        """The same for a reader, with the commands to go on."""
        rows = [_row(run) for run in self.runs]
        lines = [columns([list(rows[0]), *([*row.values()] for row in rows)])] if rows else []
        lines += [f"not run: {name}" for name in self.missing]
        if self.comparison:
            lines += ["", comparison_text(self.comparison)]
        lines += ["", f"not compared: {self.problem}"] if self.problem else []
        lines += ["", f"kept in        {self.directory}"]
        if self.comparison:
            lines.append(f"compare again  tuner compare {self.directory}")
            lines.append(f"its page       tuner compare {self.directory} --html FILE")
        elif not self.problem:
            lines.append(f"compare it     tuner compare {self.directory} EXPERIMENT (another arm)")
        return "\n".join(lines)


def report(directory: Path, design: Design) -> ExperimentReport:
    """Read the studies back and compare their arms; raises ``NoTrialCompleted`` if none did."""
    runs, missing = finished(directory, design)
    if not any(run.best is not None for run in runs):
        raise NoTrialCompleted(
            f"{directory}: no trial of any study completed. `tuner resume` of a study in it says"
            " why; mend that, then start a new experiment."
        )
    comparison, problem = None, ""
    if len(design.arms) > 1:
        try:
            comparison = compare(runs)
        except UsageError as error:
            problem = str(error)
    return ExperimentReport(directory, tuple(runs), tuple(missing), comparison, problem)


def finished(directory: Path, design: Design) -> tuple[list[FinishedRun], list[str]]:
    """The finished studies of an experiment, and the names of the others."""
    runs, missing = [], []
    for member in design.members():
        try:
            runs.append(read_finished(directory / member.directory))
        except RunDirectoryError:
            missing.append(member.directory)
    return runs, missing


def _row(run: FinishedRun) -> dict[str, Any]:
    return {
        "task": run.study.task.id,
        "arm": run.study.arm,
        "seed": run.study.seed,
        "trials": len(run.endings),
        "metric": run.study.metric.name,
        "best": run.best,
        "test": run.tested and run.tested.value,
        "seconds": round(run.running_seconds, 1),
        "ended by": run.finished.reason,
    }
