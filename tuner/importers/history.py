"""Brings a source into the store that past studies are read from, and studies out of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from meta.history import Refusal
from meta.study import Study
from tuner.config import StudyConfig
from tuner.errors import EnvironmentFault, UsageError
from tuner.fields import NAME
from tuner.home import redact
from tuner.importers.adoption import Adopted, adopt
from tuner.importers.archive import read_archive, write_archive
from tuner.importers.foreign import ForeignStudy, Found
from tuner.importers.mapping import check_wishes, correspond, read_wishes
from tuner.importers.outcome import Imported
from tuner.importers.sources import ARCHIVE, READERS, locate
from tuner.suggest import did_you_mean
from tuner.tracking import StoreUnavailable, write_studies


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line says; ``task`` as it was typed, ``maps`` the texts of ``--map``."""

    source: str
    task: str | None = None
    kind: str | None = None
    study: str | None = None
    experiment: str | None = None
    dataset: str | None = None
    metric: str | None = None
    mode: str | None = None
    maps: Sequence[str] = ()
    dry_run: bool = False


def import_studies(
    request: Request,
    config: StudyConfig | None,
    store: tuple[str, str],
) -> Imported:
    """Read a source, bring it into the task's space, and write it to ``store``.

    ``store`` is an address and an experiment. An archive needs no task; with one only its studies
    of that task are taken. Raises ``UsageError`` for a source or a wish that is wrong,
    ``EnvironmentFault`` for a store that is away.
    """
    kind, place = locate(request.source, request.kind)
    shown = redact(request.source)
    try:
        if kind == ARCHIVE:
            found = _archived(Path(place), config)
        else:
            found = _foreign(request, kind, place, config)
    except StoreUnavailable as error:
        raise EnvironmentFault(f"{shown}: {error}. Start it, or name another source.") from None
    studies = [item.study for item in found.adopted if item.study]
    if request.dry_run:
        return found
    try:
        replaces = kind != ARCHIVE
        written = write_studies(*store, studies, shown, replaces) if studies else {}
    except StoreUnavailable as error:
        remedy = "Mend it, then import again: what arrived is not written twice."
        raise EnvironmentFault(f"{redact(store[0])}: {error}. {remedy}") from None
    return found.with_written(written)


def _archived(path: Path, config: StudyConfig | None) -> Imported:
    studies = read_archive(path)
    ids = {study.task.id for study in studies}
    task = config.task.id if config else None
    if task is not None and task not in ids:
        known = did_you_mean(task, ids) if ids else "It holds no study."
        raise UsageError(f"--task: no study of {task!r} in {path}. {known}")
    adopted = [
        Adopted(f"{study.arm} {study.seed}", None, study, ())
        for study in studies
        if task in (None, study.task.id)
    ]
    return Imported(str(path), ARCHIVE, task, adopted)


def _foreign(request: Request, kind: str, place: str, config: StudyConfig | None) -> Imported:
    if config is None:
        raise UsageError(
            f"--task: what are the trials of {redact(request.source)} for? Name a task with the"
            " same model, e.g. --task wine-quality-xgboost."
        )
    if request.dataset is not None and not NAME.fullmatch(request.dataset):
        what = f"up to 64 letters, digits, '.', '_' and '-' expected, got {request.dataset[:80]!r}"
        raise UsageError(f"--dataset: {what}. Write e.g. my-data.")
    wishes = read_wishes(request.maps, request.metric, request.mode, config.space)
    found = READERS[kind](place, request.experiment)
    studies = _chosen(found, request.study, redact(request.source))
    check_wishes(wishes, studies)
    adopted: list[Adopted] = []
    refused = list(found.refused)
    for study in studies:
        try:
            names = correspond(study, wishes, config.space, config.metric)
            adopted.append(adopt(study, names, config, request.dataset))
        except UsageError as error:
            refused += [Refusal(study.name, None, fault) for fault in error.faults]
    if not adopted:
        raise UsageError(*dict.fromkeys(refusal.reason for refusal in refused))
    return Imported(request.source, kind, request.task, adopted, refused)


def _chosen(found: Found, name: str | None, source: str) -> Sequence[ForeignStudy]:
    """The studies that have trials, or that of a name; raises ``UsageError`` if there is none."""
    studies = [study for study in found.studies if study.trials]
    names = [study.name for study in studies]
    if not studies:
        why = f" ({found.refused[0].reason})" if found.refused else ""
        raise UsageError(f"{source}: no study in it has a trial{why}. Name another source.")
    if name is not None and name not in names:
        raise UsageError(f"--study: no study {name!r} in {source}. {did_you_mean(name, names)}")
    return [study for study in studies if name in (None, study.name)]


def export_studies(path: Path, past: Sequence[Study], task: str | None) -> list[Study]:
    """Write the past studies, or those of a task, to an archive; raises ``UsageError`` if none."""
    if path.suffix != ".parquet":
        raise UsageError(f"{path}: a name that ends in .parquet expected. Write {path}.parquet.")
    ids = {study.task.id for study in past}
    if not ids:
        raise UsageError("there is no past study yet. `tuner run` or `tuner history import` first.")
    if task is not None and task not in ids:
        raise UsageError(f"--task: no past study of {task!r}. {did_you_mean(task, ids)}")
    studies = [study for study in past if task in (None, study.task.id)]
    write_archive(path, studies)
    return studies
