"""How to repeat a comparison: what to type, and what it ran with."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from tuner.comparison.runs import FinishedRun
from tuner.design import Record
from tuner.errors import RunDirectoryError

OF_AN_ARM = {"tpe": " --arms tpe", "cold": " --baseline", "default": " --arms default"}


def study_command(arm: str, command: str) -> str:
    """What to type for a study of an arm, from what to type for the warm one."""
    return command + OF_AN_ARM.get(arm, "")


def commands(runs: Sequence[FinishedRun]) -> list[str]:
    """What makes the studies, an experiment as a whole; then what compares them."""
    sources: dict[Path, str] = {}
    for run in runs:
        experiment = run.directory.parent.parent
        if experiment in sources:
            continue
        if whole := _experiment_command(experiment):
            sources[experiment] = whole
        else:
            command = run.header.get("command")
            sources[run.directory] = study_command(run.study.arm, command) if command else ""
    made = [command for command in dict.fromkeys(sources.values()) if command]
    return [*made, shlex.join(["tuner", "compare", *map(str, sources)])]


def _experiment_command(directory: Path) -> str:
    """Empty if it is no experiment, or one whose file is damaged: its studies are still whole."""
    try:
        return Record.read(directory).design.command
    except RunDirectoryError:
        return ""


def environment(runs: Sequence[FinishedRun]) -> dict[str, str]:
    """The versions and machines of the studies; several where they differ between tasks."""
    found: dict[str, list[str]] = {}
    for run in runs:
        for part in ("versions", "machine"):
            for name, value in (run.header.get(part) or {}).items():
                found.setdefault(name, []).append(str(value))
    return {name: ", ".join(dict.fromkeys(values)) for name, values in found.items()}
