"""Which tool made a source is seen from it, or told; what is none is told with a way out."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow
import pyarrow.parquet as parquet
import pytest

from tests.tuner.importers.test_table import WANDB
from tests.tuner.tracking.journals import study
from tuner.errors import UsageError
from tuner.importers.archive import write_archive
from tuner.importers.sources import locate

MLFLOW = ("experiments", "runs", "metrics")
OPTUNA = ("studies", "trials", "version_info")


def database(path: Path, *tables: str) -> Path:
    with closing(sqlite3.connect(path)) as file:
        for table in tables:
            file.execute(f"CREATE TABLE {table} (x)")
    return path


def kind(source: str | Path) -> str:
    return locate(str(source), None)[0]


def fault(source: str | Path, kind: str | None = None) -> str:
    with pytest.raises(UsageError) as caught:
        locate(str(source), kind)
    return str(caught.value)


def test_a_database_is_known_by_its_tables(tmp_path: Path) -> None:
    mlflow = database(tmp_path / "m.db", *MLFLOW)
    optuna = database(tmp_path / "o.db", *OPTUNA)
    assert locate(str(mlflow), None) == ("mlflow", f"sqlite:///{mlflow}")
    assert locate(f"sqlite:///{optuna}", None) == ("optuna", f"sqlite:///{optuna}")


def test_a_database_of_both_needs_a_word(tmp_path: Path) -> None:
    both = database(tmp_path / "x.db", *MLFLOW, *OPTUNA)
    assert fault(both).endswith("holds both. Say --from mlflow or --from optuna.")
    assert locate(str(both), "optuna") == ("optuna", f"sqlite:///{both}")


def test_a_database_whose_schema_is_no_text_is_told(tmp_path: Path) -> None:
    path = database(tmp_path / "x.db", "somethings")
    path.write_bytes(
        path.read_bytes().replace(b"CREATE TABLE somet", b"CREATE\x82TABLE s\x82me\x82")
    )
    assert fault(path).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x.log", b'{"op_code": 0, "worker_id": "a"}\n', "optuna"),
        ("x.csv", WANDB.encode(), "wandb"),
        ("x.csv", b"lr,rmse\n1,2\n", "table"),
        ("a/b_0/result.json", b"", "ray"),
        ("0/meta.yaml", b"name: Default\n", "mlflow"),
    ],
)
def test_a_file_or_folder_is_known_by_what_is_in_it(
    tmp_path: Path, name: str, content: bytes, expected: str
) -> None:
    path = tmp_path / "source" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    source = path if expected in {"optuna", "wandb", "table"} else tmp_path / "source"
    assert locate(str(source), None) == (expected, str(source))


def test_a_parquet_file_is_an_archive_or_a_table(tmp_path: Path) -> None:
    parquet.write_table(pyarrow.table({"lr": [0.1]}), tmp_path / "t.parquet")
    write_archive(tmp_path / "a.parquet", [study()])
    assert (kind(tmp_path / "t.parquet"), kind(tmp_path / "a.parquet")) == ("table", "archive")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("http://localhost:5000", "mlflow"),
        ("https://ann:secret@host", "mlflow"),
        ("postgresql://host/db", "optuna"),
        ("mysql+pymysql://host/db", "optuna"),
    ],
)
def test_a_server_is_known_by_its_scheme(source: str, expected: str) -> None:
    assert locate(source, None) == (expected, source)


def test_a_word_counts_more_than_what_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("lr,rmse\n")
    assert locate(str(path), "wandb")[0] == "wandb"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("ftp://me:secret@x/y", "got 'ftp://me:***@x/y'. Write e.g. sqlite:///study.db."),
        ("javascript://x", "expected, got 'javascript://x'"),
        ("file:///etc/passwd", "expected, got 'file:///etc/passwd'"),
        ("sqlite:///nowhere.db", "no such file or folder 'nowhere.db'"),
        ("study.dv", "no such file or folder 'study.dv'. Did you mean study.db?"),
        ("nowhere/x.csv", "no such file or folder 'nowhere/x.csv'. Check the name."),
        ("a\0b", "no such file or folder 'a\\x00b'"),
        ("x" * 5000, "cannot be read (File name too long)"),
        ("/dev/null", "no such file or folder '/dev/null'"),
        ("empty", "neither results of Ray Tune (TRIAL/result.json) nor an mlruns folder"),
        ("empty.csv", "empty.csv: the table is empty"),
        ("binary", "binary: neither CSV nor Parquet (byte 0xff at offset 0)"),
        ("study.db", "study.db: neither an MLflow store nor an Optuna storage"),
        ("cut.db", "cut.db: file is not a database"),
    ],
)
def test_what_is_no_source_is_told_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    database(tmp_path / "study.db", "things")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.csv").touch()
    (tmp_path / "binary").write_bytes(b"\xff" * 99)
    (tmp_path / "cut.db").write_bytes(b"SQLite format 3\0" + b"\1" * 99)
    assert words in fault(source)
    assert "secret" not in fault(source)


def test_an_unknown_kind_is_told_with_the_known() -> None:
    assert fault("x.csv", "optun") == "--from: unknown kind 'optun'. Did you mean optuna?"
