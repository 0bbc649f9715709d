"""The commands about the past: show it, bring more into it, hand it on."""

from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meta.study import Study, Trial
from tuner.config import StudyConfig, Tracking
from tuner.config_reader import load
from tuner.errors import EnvironmentFault, UsageError
from tuner.home import redact
from tuner.request import asked_studies, read_store
from tuner.terminal import brief, present, say, say_json

if TYPE_CHECKING:
    from tuner.tracking import PastStudies


def _list(arguments: Namespace) -> None:
    past = _read(arguments)
    rows = [
        {**_study_row(study), "started": _date(past.started[study.id])} for study in past.studies
    ]
    present(arguments, "studies", rows)


def _show(arguments: Namespace) -> None:
    found = {study.id: study for study in _read(arguments).studies}
    if arguments.study not in found:
        what = f"unknown study {arguments.study!r}"
        raise UsageError(f"{what}. `tuner history list` shows the known ones.")
    study = found[arguments.study]
    if arguments.json:
        say_json(study.to_json())
    else:
        present(arguments, "trials", [_trial_row(trial) for trial in study.trials])


def _refused(arguments: Namespace) -> None:
    arguments.tasks = [arguments.task]
    ((config, options),) = asked_studies(arguments)
    from tuner.past import read_past

    past = read_past(config, options)
    if past.unavailable:
        raise EnvironmentFault(*past.unavailable)
    present(arguments, "refused", [asdict(refusal) for refusal in past.refused])


def _import(arguments: Namespace) -> None:
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


def _export(arguments: Namespace) -> None:
    from tuner.importers.history import export_studies

    task, past = arguments.task, _read(arguments)
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


def _read(arguments: Namespace) -> "PastStudies":
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


HISTORY_COMMANDS: dict[str, Callable[[Namespace], None]] = {
    "history list": _list,
    "history show": _show,
    "history refused": _refused,
    "history import": _import,
    "history export": _export,
}
