"""Studies in an Optuna storage: a database or a journal file, neither of which is written to."""

import json
import math
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meta.history import Refusal
from meta.study import TrialState
from tuner.errors import EnvironmentFault, TunerError, UsageError
from tuner.home import SQLITE, redact
from tuner.importers.foreign import ForeignStudy, ForeignTrial, Found, Reading, number, read_state
from tuner.tracking.store import open_readonly, reason

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.study import Study
    from optuna.trial import FrozenTrial

OBJECTIVE = "value"


def read_optuna(place: str) -> Found:
    """The studies of a storage given by URL or by the path of a journal file.

    Raises ``UsageError`` for a damaged one, ``EnvironmentFault`` for a server that is away.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        storage, lost = _open(place)
        names = optuna.get_all_study_names(storage)
        studies = [optuna.load_study(study_name=name, storage=storage) for name in names]
        unread = f"the file is damaged: its last {lost} lines cannot be read"
        return Found(
            [_study(study, place) for study in studies],
            [Refusal(Path(place).name, None, unread)] if lost else [],
        )
    except TunerError:
        raise
    except Exception as error:  # what a damaged storage raises is up to three libraries
        what = f"{redact(place)}: cannot be read as an Optuna storage ({reason(error)})"
        if "://" in place and not place.startswith(SQLITE):
            remedy = "Start the database, install its driver, or mend the address."
            raise EnvironmentFault(f"{what}. {remedy}") from None
        raise UsageError(
            f"{what}. If another version of Optuna made it, `optuna storage upgrade` a copy."
        ) from None


def _open(place: str) -> "tuple[BaseStorage, int]":
    """The storage and the number of lines that could not be read of it."""
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import BaseJournalBackend

    class Lines(BaseJournalBackend):
        """A journal that was read before and takes nothing."""

        def __init__(self, logs: list[dict[str, Any]]) -> None:
            self.logs = logs

        def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
            yield from self.logs[log_number_from:]

        def append_logs(self, logs: list[dict[str, Any]]) -> None:
            raise PermissionError("read only")

    if place.startswith(SQLITE):
        # In an address, Optuna and SQLAlchemy would not leave every path as it is.
        opened = {"creator": partial(open_readonly, Path(place.removeprefix(SQLITE)))}
        return RDBStorage("sqlite://", opened, skip_table_creation=True), 0
    if "://" in place:
        return RDBStorage(place, skip_table_creation=True), 0
    logs, lost = _read_journal(Path(place))
    return JournalStorage(Lines(logs)), lost


def _read_journal(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The entries of a journal file up to the first damaged line, and how many lines follow."""
    logs: list[dict[str, Any]] = []
    lines = path.read_bytes().splitlines()
    for line in lines:
        try:
            entry = json.loads(line)
            if not isinstance(entry, dict) or "op_code" not in entry:
                break
        except (ValueError, RecursionError):
            break
        logs.append(entry)
    if not logs:
        raise UsageError(f"{path}: no journal of Optuna. Name one, or say --from KIND.")
    return logs, len(lines) - len(logs)


def _study(study: "Study", place: str) -> ForeignStudy:
    names = study.metric_names or (
        [OBJECTIVE]
        if len(study.directions) == 1
        else [f"values_{n}" for n in range(len(study.directions))]
    )
    modes = {n: d.name.lower()[:3] for n, d in zip(names, study.directions, strict=True)}
    return ForeignStudy(
        name=study.study_name,
        origin="optuna",
        place=redact(place),
        trials=tuple(_trial(trial, names) for trial in study.get_trials(deepcopy=False)),
        objective=names[0] if len(names) == 1 else None,
        modes={name: mode for name, mode in modes.items() if mode in {"min", "max"}},
    )


def _trial(trial: "FrozenTrial", names: list[str]) -> ForeignTrial:
    state = read_state(trial.state.name)
    readings = {
        name: [Reading(1, number(value))]
        for name, value in trial.user_attrs.items()
        if not math.isnan(number(value)) and not isinstance(value, str)
    }
    curve = [Reading(step, value) for step, value in sorted(trial.intermediate_values.items())]
    for n, name in enumerate(names):
        readings[name] = curve if len(names) == 1 else []
        if trial.values is not None and state is TrialState.COMPLETED:
            last = readings[name][-1].step if readings[name] else 1
            readings[name] = [*readings[name][:-1], Reading(last, trial.values[n])]
    params = {name: "None" if v is None else v for name, v in trial.params.items()}
    seconds = trial.duration.total_seconds() if trial.duration else 0.0
    return ForeignTrial(trial.number, params, state, readings, seconds=seconds)
