"""A user's own trainable, ``module:function``: whether it may be run, and how it is loaded."""

import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.machinery import PathFinder
from pathlib import Path

import trainables
from trainables.base import Data, DataError, DataRequest, Trainable
from tuner.errors import UsageError
from tuner.suggest import did_you_mean


def problem(name: str, folder: str | Path | None, allowed: bool) -> str | None:
    """Why the trainable ``name`` may not or cannot be run, or None; nothing is imported.

    ``folder`` is where its module is looked for first.
    """
    module, _, function = name.partition(":")
    if name in trainables.MODULES:
        return None
    if not function:
        return f"unknown trainable {name!r}. {did_you_mean(name, trainables.MODULES)}"
    if not allowed:
        return f"{name!r} is code that is no part of tuner. Read it, then add --allow-code."
    if not PathFinder.find_spec(module.partition(".")[0], [str(folder), *sys.path]):
        return f"no module {module!r}. Put {module}.py into {folder}."
    return None


def load(name: str, folder: str | None) -> Trainable:
    """The trainable ``name``; raises ``UsageError`` if a user's module fails on import."""
    if folder and folder not in sys.path:
        sys.path.insert(0, folder)
    if name in trainables.MODULES:
        return trainables.get(name)
    try:
        trainable = trainables.get(name)
    except Exception as error:
        what = f"{name!r} cannot be imported ({type(error).__name__}: {error})"
        raise UsageError(f"task.trainable: {what}. Mend it in {folder}.") from error
    loads = trainable.load
    return trainable if loads is None else replace(trainable, load=_checked(loads, folder))


def _checked(load: Callable[[DataRequest], Data], folder: str | None) -> Callable[..., Data]:
    """A user's ``load``, whose faults are the user's."""

    def checked(request: DataRequest) -> Data:
        try:
            data = load(request)
        except DataError:
            raise
        except Exception as error:
            what = f"`load` fails ({type(error).__name__}: {error})"
            raise DataError(f"task.trainable: {what}. Mend it in {folder}.") from error
        if not isinstance(data, Data):
            what = f"`load` returns {type(data).__name__}, not a trainables.base.Data"
            raise DataError(f"task.trainable: {what}. Mend it in {folder}.")
        return data

    return checked
