"""The commands: each reads its arguments, calls, and says what came of it."""

from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from meta.study import Study, Trial
from tuner.catalogue import configs, whereabouts
from tuner.config import RunOptions, StudyConfig, Tracking
from tuner.config_reader import load
from tuner.design import FILE_NAME as EXPERIMENT
from tuner.design_request import design, is_experiment
from tuner.errors import (
    EnvironmentFault,
    NoTrialCompleted,
    RunDirectoryError,
    UsageError,
)
from tuner.experiment_commands import compare_arms, resume_arms, run_arms
from tuner.home import redact
from tuner.journal import FILE_NAME
from tuner.request import Asked, asked_studies, read_options, read_store
from tuner.rundir import runs
from tuner.terminal import brief, columns, say, say_json

if TYPE_CHECKING:
    from tuner.tracking import PastStudies


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
    _present(arguments, "tasks", listed)


def _present(arguments: Namespace, name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Say rows of equal keys: as one object under ``name``, or as a table."""
    if arguments.json:
        say_json({name: rows})
    elif rows:
        say(columns([list(rows[0]), *([*row.values()] for row in rows)]))


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


def _history_list(arguments: Namespace) -> None:
    past = _past(arguments)
    rows = [
        {**_study_row(study), "started": _date(past.started[study.id])} for study in past.studies
    ]
    _present(arguments, "studies", rows)


def _history_show(arguments: Namespace) -> None:
    found = {study.id: study for study in _past(arguments).studies}
    if arguments.study not in found:
        what = f"unknown study {arguments.study!r}"
        raise UsageError(f"{what}. `tuner history list` shows the known ones.")
    study = found[arguments.study]
    if arguments.json:
        say_json(study.to_json())
    else:
        _present(arguments, "trials", [_trial_row(trial) for trial in study.trials])


def _history_refused(arguments: Namespace) -> None:
    arguments.tasks = [arguments.task]
    ((config, options),) = asked_studies(arguments)
    from tuner.past import read_past

    past = read_past(config, options)
    if past.unavailable:
        raise EnvironmentFault(*past.unavailable)
    _present(arguments, "refused", [asdict(refusal) for refusal in past.refused])


def _history_import(arguments: Namespace) -> None:
    config = _task_config(arguments)
    tracking = config.tracking if config else Tracking(arguments.tracking_uri)
    store = read_store(tracking.uri), tracking.experiment
    from tuner.importers.history import Request, import_studies

    given = vars(arguments)
    request = Request(**{field.name: given[field.name] for field in fields(Request)})
    imported = import_studies(request, config, store)
    say_json(imported.to_json()) if arguments.json else say(imported.text())


def _task_config(arguments: Namespace) -> StudyConfig | None:
    if arguments.task is None:
        if arguments.set:
            raise UsageError("--set: whose? Name the task with --task.")
        return None
    arguments.tasks = [arguments.task]
    ((config, _),) = asked_studies(arguments)
    return config


def _history_export(arguments: Namespace) -> None:
    from tuner.importers.history import export_studies

    task, past = arguments.task, _past(arguments)
    if task and Path(task).is_file():
        task = load(task, (), arguments.allow_code).task.id
    studies = export_studies(arguments.file, past.studies, task)
    trials, unreadable = sum(len(study.trials) for study in studies), len(past.refused)
    if arguments.json:
        exported = {"file": str(arguments.file), "studies": len(studies), "trials": trials}
        say_json({**exported, "unreadable": unreadable})
    else:
        left = f"; {unreadable} records in the store are unreadable" if unreadable else ""
        say(f"{trials} trials of {len(studies)} studies in {arguments.file}{left}")


def _past(arguments: Namespace) -> "PastStudies":
    from tuner.tracking import read_studies

    uri = read_store(arguments.tracking_uri)
    try:
        return read_studies(uri, arguments.experiment or Tracking().experiment)
    except EnvironmentFault as error:
        remedy = "Mend it, or name another with --tracking-uri."
        raise EnvironmentFault(f"history unavailable: {redact(uri)}: {error}. {remedy}") from None


def _study_row(study: Study) -> dict[str, Any]:
    return {
        "study": study.id,
        "task": study.task.id,
        "arm": study.arm,
        "seed": study.seed,
        "trials": len(study.trials),
        "metric": study.metric.name,
        "best": None if study.best is None else study.best.value,
    }


def _date(unix_seconds: float) -> str:
    return datetime.fromtimestamp(unix_seconds).isoformat(" ", "minutes")


def _trial_row(trial: Trial) -> dict[str, Any]:
    return {
        "trial": trial.id,
        "state": str(trial.state),
        "step": trial.step,
        "value": trial.value,
        "from": trial.origin,
        "reason": trial.reason.partition("\n")[0],
        "config": " ".join(f"{name}={brief(value)}" for name, value in trial.config.items()),
    }


def _ui(arguments: Namespace) -> None:
    if not arguments.port.isdecimal() or not 1 <= int(arguments.port) <= 65535:
        what = f"whole number 1 to 65535 expected, got {arguments.port!r}"
        raise UsageError(f"--port: {what}. Write e.g. 5000.")
    uri = read_store(arguments.tracking_uri)
    from tuner.tracking import open_ui

    open_ui(uri, arguments.host, int(arguments.port))


COMMANDS: dict[str, Callable[[Namespace], None]] = {
    "run": _run,
    "resume": _resume,
    "report": _report,
    "compare": compare_arms,
    "finalize": _finalize,
    "plan": _plan,
    "tasks": _tasks,
    "doctor": _doctor,
    "history list": _history_list,
    "history show": _history_show,
    "history refused": _history_refused,
    "history import": _history_import,
    "history export": _history_export,
    "ui": _ui,
}
