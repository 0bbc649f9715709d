"""The MLflow store: opened with short patience, quietly, and never migrated.

MLflow brings an old SQLite store up to date without asking and leaves a half-made one behind if
it is killed meanwhile; so a store is looked at before MLflow sees it, and made under another name.
"""

import logging
import os
import sqlite3
import warnings
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tuner.errors import EnvironmentFault
from tuner.home import SQLITE

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_ALLOW_HTTP_REDIRECTS": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_CONFIGURE_LOGGING": "false",
    "MLFLOW_UV_AUTO_DETECT": "false",
}
"""MLflow reads these when it is imported; a user's own values take precedence."""

MACHINE_LEARNING = {"mlflow.experimentKind": "custom_model_development"}
"""What the experiment is for; MLflow's default is generative AI."""

LOCK_SECONDS = 2.0
ROWS_PER_INDEX = 1000
DAMAGED = (sqlite3.Error, UnicodeDecodeError)
"""What a damaged file raises; the latter if SQLite cannot even say what is wrong in UTF-8."""


class StoreUnavailable(EnvironmentFault):
    """The MLflow store cannot be read or written; the reason fits on one line."""


def sqlite_path(uri: str) -> Path | None:
    """The file of a SQLite store; None for a server."""
    return Path(uri.removeprefix(SQLITE)) if uri.startswith(SQLITE) else None


def connect(uri: str) -> "MlflowClient":
    """A client of the store, a SQLite file being created if it is missing.

    Takes seconds the first time, for MLflow's imports. Raises ``StoreUnavailable`` for a SQLite
    file that is locked, damaged, no MLflow store, or one of another MLflow version.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    for name in ("mlflow", "alembic", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="sqlalchemy")
    warnings.filterwarnings("ignore", ".*Any type hint is inferred")  # of its own models
    from mlflow.tracking import MlflowClient

    path = sqlite_path(uri)
    if path is not None:
        if not path.exists():
            _create(path)
        _check_schema(path)
    return MlflowClient(tracking_uri=uri)


def open_readonly(path: Path) -> sqlite3.Connection:
    """A connection to an SQLite file, wherever it lies."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def table_names(path: Path) -> set[str]:
    """The tables of a SQLite file; raises ``StoreUnavailable`` if it is none or damaged."""
    try:
        with closing(open_readonly(path)) as file:
            query = "SELECT name FROM sqlite_master WHERE type = 'table'"
            return {name for (name,) in file.execute(query)}
    except DAMAGED as error:
        raise StoreUnavailable(f"{path}: {error}") from None


def open_experiment(client: "MlflowClient", name: str, uri: str) -> str:
    """The id of an experiment, which is created if it is missing."""
    experiment = client.get_experiment_by_name(name)
    if experiment is not None:
        return str(experiment.experiment_id)
    path = sqlite_path(uri)
    artifacts = None if path is None else str(_artifacts(path))
    return str(client.create_experiment(name, artifacts, MACHINE_LEARNING))


def reason(error: BaseException) -> str:
    """The first line of what lies at the root of an error."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def analyze(uri: str) -> None:
    """Let SQLite choose the right index; without statistics it takes minutes in a large store."""
    path = sqlite_path(uri)
    if path is None:
        return
    with suppress(sqlite3.Error), closing(_open(path)) as store:
        store.execute(f"PRAGMA analysis_limit={ROWS_PER_INDEX}")
        store.execute("ANALYZE")


def _create(path: Path) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=path.parent, prefix=".mlflow-") as folder:
            new = Path(folder) / path.name
            store = SqlAlchemyStore(f"{SQLITE}{new}", str(_artifacts(path)))  # type: ignore[no-untyped-call]
            store.engine.dispose()
            with suppress(FileExistsError):
                os.link(new, path)
    except OSError as error:
        raise StoreUnavailable(f"{path}: {error.strerror}") from None


def _check_schema(path: Path) -> None:
    from mlflow.store.db.utils import _get_latest_schema_revision

    try:
        with closing(_open(path)) as store:
            versions = store.execute("SELECT version_num FROM alembic_version").fetchall()
    except DAMAGED as error:
        raise StoreUnavailable(f"{path}: {error}") from None
    newest = _get_latest_schema_revision()  # type: ignore[no-untyped-call]
    if versions != [(newest,)]:
        found = ", ".join(version for (version,) in versions) or "none"
        raise StoreUnavailable(
            f"{path}: made by another version of MLflow (schema {found}, here {newest});"
            f" keep a copy, then `mlflow db upgrade {SQLITE}{path}`"
        )


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=LOCK_SECONDS)


def _artifacts(path: Path) -> Path:
    return path.parent / "artifacts"
