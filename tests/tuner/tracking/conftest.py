"""An MLflow store for each test, copied from one that is made once."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine, event

from tuner.tracking.cache import Cache
from tuner.tracking.reader import PastStudies, read_studies
from tuner.tracking.store import connect

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """Half of MLflow's time with SQLite is spent on making sure of what no test needs."""

    def relax(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    event.listen(Engine, "connect", relax)
    yield
    event.remove(Engine, "connect", relax)


@pytest.fixture(scope="session")
def _new_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    connect(f"sqlite:///{path}")
    return path


@pytest.fixture
def store(_new_store: Path, tmp_path: Path) -> Path:
    """The file of an empty MLflow store."""
    path = tmp_path / "store" / "mlflow.db"
    path.parent.mkdir()
    shutil.copy(_new_store, path)
    return path


@pytest.fixture
def uri(store: Path) -> str:
    """The address of an empty MLflow store."""
    return f"sqlite:///{store}"


@pytest.fixture
def client(uri: str) -> "MlflowClient":
    """A client of that store."""
    return connect(uri)


@pytest.fixture
def read(uri: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], PastStudies]:
    """Read with the cache; what it gives must be what is there without one."""

    def read() -> PastStudies:
        found = read_studies(uri, "warmtune")
        with monkeypatch.context() as patch:
            patch.setattr(Cache, "read", lambda *_: None)
            patch.setattr(Cache, "write", lambda *_: None)
            patch.setattr(Cache, "forget_others", lambda *_: None)
            assert read_studies(uri, "warmtune") == found
        return found

    return read
