"""The MLflow store is made in one piece, looked at before it is used, and never migrated."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tuner.tracking import store as store_module
from tuner.tracking.store import StoreUnavailable, analyze, connect, open_experiment, reason

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


def execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def test_a_store_is_made_where_none_is_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "mlflow.db"
    client = connect(f"sqlite:///{path}")
    assert open_experiment(client, "warmtune", f"sqlite:///{path}") == "1"
    assert [entry.name for entry in path.parent.iterdir()] == ["mlflow.db"]


def test_a_store_that_another_process_made_meanwhile_is_used(
    tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "home" / "mlflow.db"
    link = os.link

    def too_late(new: Path, target: Path) -> None:
        shutil.copy(store, target)
        link(new, target)

    open_experiment(connect(f"sqlite:///{store}"), "of the other", f"sqlite:///{store}")
    monkeypatch.setattr(os, "link", too_late)
    client = connect(f"sqlite:///{path}")
    assert client.get_experiment_by_name("of the other") is not None


def test_artifacts_would_lie_beside_the_store_not_where_the_program_was_started(
    uri: str, client: "MlflowClient", store: Path
) -> None:
    experiment = client.get_experiment(open_experiment(client, "warmtune", uri))
    assert experiment.artifact_location == str(store.parent / "artifacts")


def test_an_experiment_is_one_of_machine_learning(uri: str, client: "MlflowClient") -> None:
    experiment = client.get_experiment(open_experiment(client, "warmtune", uri))
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"


def test_a_store_of_another_version_is_left_as_it_is(store: Path, uri: str) -> None:
    execute(store, "UPDATE alembic_version SET version_num = 'abc'")
    execute(store, "DROP TABLE metrics")
    before = store.read_bytes()
    with pytest.raises(StoreUnavailable, match=r"schema abc, here .*`mlflow db upgrade sqlite"):
        connect(uri)
    assert store.read_bytes() == before


def test_a_database_of_something_else_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "photos.db"
    execute(path, "CREATE TABLE photos (name TEXT)")
    before = path.read_bytes()
    with pytest.raises(StoreUnavailable, match="no such table: alembic_version"):
        connect(f"sqlite:///{path}")
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"hello", bytes(4096)])
def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mlflow.db"
    path.write_bytes(content)
    with pytest.raises(StoreUnavailable, match=str(path)):
        connect(f"sqlite:///{path}")
    assert path.read_bytes() == content


def test_a_locked_store_is_not_waited_for(
    store: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "LOCK_SECONDS", 0.1)
    with closing(sqlite3.connect(store)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreUnavailable, match="locked"):
            connect(uri)


def test_a_place_where_nothing_can_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match=r"File exists|Not a directory"):
        connect(f"sqlite:///{tmp_path}/file/mlflow.db")


def test_the_root_of_an_error_is_its_reason() -> None:
    root = ConnectionRefusedError(111, "Connection refused")
    middle, outer = ValueError("no connection"), RuntimeError("Max retries\nexceeded")
    outer.__cause__, middle.__context__ = middle, root
    assert reason(outer) == "[Errno 111] Connection refused"


def test_a_reason_is_one_line_of_readable_length() -> None:
    assert reason(ValueError("first line\nsecond line")) == "first line"
    assert reason(ValueError()) == "ValueError"
    assert len(reason(ValueError("x" * 1000))) == 200


def test_statistics_are_kept_for_the_planner(store: Path, uri: str, client: "MlflowClient") -> None:
    open_experiment(client, "warmtune", uri)
    analyze(uri)
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_stat1").fetchone()[0] > 0


def test_statistics_of_what_is_no_store_are_no_error(tmp_path: Path) -> None:
    analyze("http://localhost:1")
    analyze(f"sqlite:///{tmp_path}/none.db")
    assert list(tmp_path.iterdir()) == []


QUIET = """
import logging, sys
import tuner.tracking
assert "mlflow" not in sys.modules, "imported too early"
tuner.tracking.store.connect(sys.argv[1])
from mlflow.telemetry.client import get_telemetry_client
assert get_telemetry_client() is None, "telemetry is on"
"""


def test_mlflow_is_imported_late_says_nothing_and_calls_nobody(uri: str) -> None:
    environment = {"PATH": "/usr/bin:/bin"}  # without what makes MLflow think that it is tested
    done = subprocess.run(
        [sys.executable, "-c", QUIET, uri], env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
