"""Which tool made a source, and the reader of each."""

import json
from collections.abc import Callable
from pathlib import Path

from tuner.errors import UsageError
from tuner.home import SQLITE, redact
from tuner.importers.archive import is_archive, read_columns
from tuner.importers.foreign import Found
from tuner.importers.mlflow_folder import is_folder_of_runs
from tuner.importers.mlflow_runs import read_mlflow
from tuner.importers.optuna_storage import read_optuna
from tuner.importers.ray_results import read_ray, trial_folders
from tuner.importers.table import PARQUET_MAGIC, is_wandb, read_header, read_table
from tuner.suggest import did_you_mean
from tuner.tracking.store import StoreUnavailable, table_names

ARCHIVE = "archive"
READERS: dict[str, Callable[[str, str | None], Found]] = {
    "mlflow": read_mlflow,
    "optuna": lambda place, _: read_optuna(place),
    "ray": lambda place, _: read_ray(Path(place)),
    "table": lambda place, _: read_table(Path(place)),
    "wandb": lambda place, _: read_table(Path(place), "wandb"),
}
"""By the name of the tool; given the place and, for MLflow, the experiment."""
KINDS = (ARCHIVE, *READERS)

SQLITE_MAGIC = b"SQLite format 3\0"
MLFLOW_TABLES, OPTUNA_TABLES = {"experiments", "runs"}, {"studies", "trials"}
DATABASES = ("postgresql", "mysql", "mariadb")
HEAD_BYTES = 4096


def locate(source: str, kind: str | None) -> tuple[str, str]:
    """What made a source, and its place as the reader wants it; raises ``UsageError``."""
    if kind not in (None, *KINDS):
        raise UsageError(f"--from: unknown kind {kind!r}. {did_you_mean(str(kind), KINDS)}")
    scheme, separator, _ = source.partition("://")
    if separator and scheme != "sqlite":
        return kind or _server(scheme, source), source
    path = _existing(source.removeprefix(SQLITE) if separator else source)
    if separator or _head(path).startswith(SQLITE_MAGIC):
        return kind or _database(path), f"{SQLITE}{path.absolute()}"
    if path.is_dir():
        return kind or _folder(path), str(path.absolute())
    return kind or _file(path), str(path.absolute())


def _existing(source: str) -> Path:
    path = Path(source).expanduser()
    try:
        if path.is_dir() or path.is_file():
            _head(path)
            return path
        siblings = [str(other) for other in path.parent.iterdir()] if path.parent.is_dir() else []
    except (OSError, ValueError) as error:
        what = f"{source[:200]}: cannot be read ({getattr(error, 'strerror', None) or error})"
        raise UsageError(f"{what}. Check its name and its permissions.") from None
    near = did_you_mean(str(path), siblings) if 0 < len(siblings) <= 20 else "Check the name."
    raise UsageError(f"no such file or folder {source[:200]!r}. {near}")


def _head(path: Path) -> bytes:
    if path.is_dir():
        return b""
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _server(scheme: str, source: str) -> str:
    if scheme in {"http", "https"}:
        return "mlflow"
    if scheme.partition("+")[0] in DATABASES:
        return "optuna"
    raise UsageError(
        f"a path, or sqlite, http, https, {', '.join(DATABASES)} expected, got"
        f" {redact(source)[:200]!r}. Write e.g. sqlite:///study.db."
    )


def _database(path: Path) -> str:
    try:
        tables = table_names(path)
    except StoreUnavailable as error:
        raise UsageError(f"{error}. Name a database that is whole.") from None
    kinds = [
        kind
        for kind, needed in (("mlflow", MLFLOW_TABLES), ("optuna", OPTUNA_TABLES))
        if needed <= tables
    ]
    if len(kinds) == 2:
        raise UsageError(f"{path}: holds both. Say --from mlflow or --from optuna.")
    if not kinds:
        raise UsageError(f"{path}: neither an MLflow store nor an Optuna storage. Name one.")
    return kinds[0]


def _folder(path: Path) -> str:
    if is_folder_of_runs(path):
        return "mlflow"
    if trial_folders(path):
        return "ray"
    raise UsageError(
        f"{path}: neither results of Ray Tune (TRIAL/result.json) nor an mlruns folder"
        " (EXPERIMENT/meta.yaml). Name the folder that holds them."
    )


def _file(path: Path) -> str:
    head = _head(path)
    if head.startswith(PARQUET_MAGIC):
        return ARCHIVE if is_archive(read_columns(path)) else "table"
    if _is_journal(head):
        return "optuna"
    return "wandb" if is_wandb(read_header(path)) else "table"


def _is_journal(head: bytes) -> bool:
    try:
        return "op_code" in json.loads(head.partition(b"\n")[0])
    except (ValueError, TypeError, RecursionError):
        return False
