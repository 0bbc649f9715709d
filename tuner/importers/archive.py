"""Studies in one Parquet file: a row for each trial, readable in pandas, read back exactly.

``study_record`` and ``trial_record`` hold the JSON from which studies are rebuilt; the other
columns repeat them for the eye. A study without trials has one row without a trial.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meta.study import Study, Trial
from tuner.errors import EnvironmentFault, UsageError
from tuner.tracking.records import MALFORMED

if TYPE_CHECKING:
    import pyarrow

ARCHIVE_VERSION = 1
RECORDS = ("version", "study_record", "trial_record")
"""The columns that are read back; a file that has them is an archive."""
MOST_ROWS = 1_000_000
MOST_BYTES = 1 << 30
"""How much may come out of a file: one of some kilobytes can hold billions of equal rows."""
ROWS_AT_ONCE = 10_000
STUDIES_AT_ONCE = 50
"""Compressed together: alone, each takes twice the room."""

STUDY_ID = re.compile(r"[\w.-]{1,100}", re.ASCII)


def write_archive(path: Path, studies: Sequence[Study]) -> None:
    """Write studies, whose ids differ, to a file that appears whole or not at all.

    Raises ``EnvironmentFault`` if the file cannot be written.
    """
    import pyarrow
    import pyarrow.parquet as parquet

    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with parquet.ParquetWriter(
            temporary, _schema(), compression="zstd", write_page_checksum=True
        ) as writer:
            for first in range(0, len(studies), STUDIES_AT_ONCE):
                block = studies[first : first + STUDIES_AT_ONCE]
                writer.write_table(pyarrow.concat_tables(map(_table, block)))
        temporary.replace(path)
    except OSError as error:
        raise EnvironmentFault(
            f"{path}: cannot be written ({error.strerror or error}). Name a file in a folder that"
            " exists, has space, and is yours to write to."
        ) from None
    finally:
        temporary.unlink(missing_ok=True)


def read_archive(path: Path) -> list[Study]:
    """The studies of a file, in their order; raises ``UsageError`` for a damaged or foreign one."""
    studies: dict[str, Study] = {}
    trials: dict[str, dict[int, Trial]] = {}
    for row, (version, study_text, trial_text) in enumerate(_rows(path), 1):
        try:
            if version != ARCHIVE_VERSION:
                raise ValueError(f"archive format {version!r}, this reads {ARCHIVE_VERSION}")
            if study_text not in studies:
                studies[study_text] = _study(study_text)
            if trial_text is not None:
                trial = Trial.from_json(json.loads(trial_text))
                if trials.setdefault(study_text, {}).setdefault(trial.id, trial) is not trial:
                    raise ValueError(f"trial {trial.id} is there twice")
        except MALFORMED as error:
            what = f"{path}: row {row}: no record of a trial ({error!r:.200})"
            raise UsageError(f"{what}. Export the studies anew.") from None
    if len({study.id for study in studies.values()}) < len(studies):
        raise UsageError(f"{path}: two studies have one id. Export them anew.")
    return [
        study.with_trials(tuple(trials.get(text, {}).values())) for text, study in studies.items()
    ]


def is_archive(columns: Iterable[str]) -> bool:
    """Whether a Parquet file with these columns is one of ours."""
    return {*RECORDS} <= {*columns}


def read_rows(path: Path, columns: Sequence[str] | None = None) -> Iterator[list[Any]]:
    """The rows of a Parquet file, its columns or those named; raises ``UsageError``.

    No more than ``MOST_ROWS`` and ``MOST_BYTES`` are read.
    """
    import pyarrow
    import pyarrow.parquet as parquet

    rows = size = 0
    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=columns):
                rows, size = rows + batch.num_rows, size + batch.nbytes
                if rows > MOST_ROWS or size > MOST_BYTES:
                    most = f"{MOST_ROWS} rows and {MOST_BYTES >> 20} MiB"
                    raise UsageError(f"{path}: more than {most}. Split it into several files.")
                yield from map(list, zip(*(c.to_pylist() for c in batch.columns), strict=True))
            if rows != file.metadata.num_rows:
                raise ValueError(f"{rows} of {file.metadata.num_rows} rows are there")
    except (pyarrow.ArrowException, OSError, ValueError, MemoryError) as error:
        what = str(error).partition("\n")[0][:200]
        raise UsageError(f"{path}: cannot be read as Parquet ({what}). Export it anew.") from None


def read_columns(path: Path) -> list[str]:
    """The names of a Parquet file's columns; raises ``UsageError``."""
    import pyarrow
    import pyarrow.parquet as parquet

    try:
        return list(parquet.read_schema(path).names)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        what = str(error).partition("\n")[0][:200]
        raise UsageError(f"{path}: cannot be read as Parquet ({what}). Export it anew.") from None


def _rows(path: Path) -> Iterator[list[Any]]:
    if not is_archive(read_columns(path)):
        raise UsageError(
            f"{path}: no archive of studies (no column {RECORDS[1]}). Write one with"
            " `tuner history export FILE`, or import it as a table."
        )
    return read_rows(path, RECORDS)


def _study(text: str) -> Study:
    study = Study.from_json(json.loads(text))
    if study.trials or not STUDY_ID.fullmatch(study.id):
        raise ValueError(f"study id {study.id!r}: letters, digits, '_', '.' and '-' expected")
    return study


def _schema() -> "pyarrow.Schema":
    import pyarrow

    text, number, real = pyarrow.string(), pyarrow.int64(), pyarrow.float64()
    columns = {
        **dict.fromkeys(("study", "task", "dataset", "model", "arm", "metric", "mode"), text),
        **{"seed": number, "trial": number, "state": text, "value": real, "step": number},
        **{"seconds": real, "origin": text, "reason": text, "config": text},
        **{"version": number, "study_record": text, "trial_record": text},
    }
    return pyarrow.schema(columns.items())


def _table(study: Study) -> "pyarrow.Table":
    import pyarrow

    shared = _study_row(study)
    rows = [{**shared, **_trial_row(trial)} for trial in study.trials] or [shared]
    return pyarrow.Table.from_pylist(rows, _schema())


def _study_row(study: Study) -> dict[str, Any]:
    return {
        "study": study.id,
        "task": _shown(study.task.id),
        "dataset": _shown(study.task.dataset),
        "model": _shown(study.task.model),
        "arm": _shown(study.arm),
        "seed": _fitting(study.seed),
        "metric": _shown(study.metric.name),
        "mode": study.metric.mode,
        "version": ARCHIVE_VERSION,
        "study_record": json.dumps(study.with_trials(()).to_json()),
    }


def _trial_row(trial: Trial) -> dict[str, Any]:
    return {
        "trial": _fitting(trial.id),
        "state": str(trial.state),
        "value": trial.value,
        "step": _fitting(trial.step),
        "seconds": trial.seconds,
        "origin": _shown(trial.origin),
        "reason": _shown(trial.reason),
        "config": json.dumps(trial.config),
        "trial_record": json.dumps(trial.to_json()),
    }


def _shown(text: str) -> str:
    """Text as UTF-8 can hold it; the records escape what it cannot."""
    return text.encode(errors="replace").decode()


def _fitting(number: int) -> int | None:
    """A number if 64 bits can hold it."""
    return number if number.bit_length() < 64 else None
