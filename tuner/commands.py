"""The commands: each reads its arguments, calls, and says what came of it."""

from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from tuner.catalogue import configs, whereabouts
from tuner.config import RunOptions, StudyConfig, Tracking
from tuner.design import FILE_NAME as EXPERIMENT
from tuner.design_request import design, is_experiment
from tuner.errors import (
    EnvironmentFault,
    NoTrialCompleted,
    RunDirectoryError,
    UsageError,
)
from tuner.experiment_commands import compare_arms, resume_arms, run_arms
from tuner.history_commands import HISTORY_COMMANDS
from tuner.journal_file import FILE_NAME
from tuner.request import Asked, asked_studies, read_options, read_store
from tuner.rundir import runs
from tuner.terminal import columns, present, say, say_json


class Result(Protocol):
    """What a study, or the plan of one, comes to."""

    def to_json(self) -> dict[str, Any]:
        """For ``--json``."""

    def text(self) -> str:
        """For a reader."""


def _run(arguments: Namespace) -> None:
    studies = asked_studies(arguments)
    if is_experiment(arguments):
        run_arms(*design(arguments, studies))
        return
    from tuner.driver import run

    _each(studies, run, arguments.json)


def _plan(arguments: Namespace) -> None:
    studies = asked_studies(arguments)
    from tuner.planner import plan

    _each(studies, plan, arguments.json)


def _each(
    studies: Sequence[Asked], do: Callable[[StudyConfig, RunOptions], Result], as_json: bool
) -> None:
    """One study after the other; one in which no trial completes does not keep the rest."""
    results: list[Result] = []
    faults: list[str] = []
    for config, options in studies:
        try:
            results.append(do(config, options))
        except NoTrialCompleted as error:
            faults += error.faults
            continue
        if not as_json:
            say(results[-1].text())
    if as_json and results:
        objects = [result.to_json() for result in results]
        say_json(objects[0] if len(studies) == 1 else {"studies": objects})
    if faults:
        raise NoTrialCompleted(*faults)


def _resume(arguments: Namespace) -> None:
    options = _options(arguments)
    if (arguments.run_dir / EXPERIMENT).is_file():
        resume_arms(arguments.run_dir, options)
        return
    _need_study(arguments.run_dir)
    from tuner.driver import resume

    _present_result(resume(arguments.run_dir, options), arguments.json)


def _finalize(arguments: Namespace) -> None:
    options = _options(arguments)
    _need_study(arguments.run_dir)
    from tuner.driver import finalize

    _present_result(finalize(arguments.run_dir, options), arguments.json)


def _options(arguments: Namespace) -> RunOptions:
    faults: list[str] = []
    options = read_options(arguments, faults)
    if faults:
        raise UsageError(*faults)
    return options


def _need_study(directory: Path) -> None:
    if not (directory / FILE_NAME).is_file():
        here = ", ".join(map(str, runs()[:5])) or "none; start one with `tuner run`"
        raise RunDirectoryError(f"{str(directory)!r} holds no study. Runs here: {here}.")


def _present_result(result: Result, as_json: bool) -> None:
    say_json(result.to_json()) if as_json else say(result.text())


def _report(arguments: Namespace) -> None:
    directories, file = arguments.run_dirs, arguments.html
    if file is None and len(directories) > 1:
        what = f"{len(directories)} runs make one page"
        raise UsageError(f"--html: {what}, which belongs to none of them. Say where it goes.")
    from tuner.report import write_report
    from tuner.summary import PAGE_FILE

    file = file or directories[0] / PAGE_FILE
    write_report(directories, file)
    say_json({"file": str(file)}) if arguments.json else say(str(file))


def _tasks(arguments: Namespace) -> None:
    listed = [
        {
            "task": id,
            "dataset": config.task.dataset,
            "model": config.task.model,
            "metric": config.metric.name,
            "trials": config.budget.trials,
            "data": whereabouts(config, arguments.data_dir),
        }
        for id, config in configs().items()
    ]
    present(arguments, "tasks", listed)


def _doctor(arguments: Namespace) -> None:
    from tuner.doctor import check

    checks = check(arguments.data_dir)
    if arguments.json:
        say_json({"checks": [asdict(item) for item in checks]})
    else:
        say(columns([(item.name, "ok" if item.ok else "broken", item.detail) for item in checks]))
    broken = [f"{item.name}: {item.detail}. {item.remedy}" for item in checks if not item.ok]
    if broken:
        raise EnvironmentFault(*broken)


def _ui(arguments: Namespace) -> None:
    if not arguments.port.isdecimal() or not 1 <= int(arguments.port) <= 65535:
        what = f"whole number 1 to 65535 expected, got {arguments.port!r}"
        raise UsageError(f"--port: {what}. Write e.g. 5000.")
    uri = read_store(arguments.tracking_uri)
    from tuner.tracking import open_ui

    name = arguments.experiment or Tracking().experiment
    open_ui(uri, name, arguments.host, int(arguments.port))


COMMANDS: dict[str, Callable[[Namespace], None]] = {
    **HISTORY_COMMANDS,
    "run": _run,
    "resume": _resume,
    "report": _report,
    "compare": compare_arms,
    "finalize": _finalize,
    "plan": _plan,
    "tasks": _tasks,
    "doctor": _doctor,
    "ui": _ui,
}
