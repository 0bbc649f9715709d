"""CSV, Parquet and W&B tables, with a row for each trial."""

from pathlib import Path

import pyarrow
import pyarrow.parquet as parquet
import pytest

from tests.tuner.importers.tasks import adopted, brief, trials
from tuner.errors import UsageError
from tuner.importers import table
from tuner.importers.table import is_wandb, read_header, read_table

WANDB = """\
"Name","State","Notes","User","Created","Runtime","learning_rate","max_depth","kind","rmse","loss"
"dutiful-sweep-3","finished","-","ann","2024-05-01T10:00:00.000Z","62","0.05","7","b","0.41","0.9"
"happy-sweep-2","crashed","-","ann","2024-05-01T09:00:00.000Z","12","0.9","9","a","",""
"early-sweep-4","killed","-","ann","2024-05-01T09:30:00.000Z","31","0.2","5","a","0.7","1.5"
"autumn-sweep-1","running","-","ann","2024-05-01T08:00:00.000Z","3","0.1","3","a","0.5","1"
"""
OPTUNA = """\
number,value,datetime_start,duration,params_kind,params_lr,params_max_depth,state
0,0.5,2026-11-24 11:46:36.371222,0 days 00:00:01.500000,a,0.1,3.0,COMPLETE
1,0.6,2026-11-24 11:46:36.629580,0 days 00:00:02,b,0.2,4.0,PRUNED
2,,2026-11-24 11:46:37.049084,0 days 00:00:03,,0.3,5.0,FAIL
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.csv"


def test_the_run_table_of_wandb_is_read(path: Path) -> None:
    path.write_text(WANDB)
    assert is_wandb(read_header(path))
    item = adopted(read_table(path, "wandb"))
    assert brief(item) == {
        1: ("COMPLETED", 0.41, 10),
        2: ("FAILED", None, 0),
        3: ("STOPPED", 0.7, 9),
    }
    assert trials(item)[1].seconds == 62
    assert trials(item)[1].origin == "wandb"
    assert trials(item)[1].config == {
        "learning_rate": 0.05,
        "max_depth": 7,
        "kind": "b",
        "subsample": 1.0,
    }
    assert item.found is not None
    assert item.found.unused == ("loss",)


def test_a_data_frame_of_optuna_is_read(path: Path) -> None:
    path.write_text(OPTUNA)
    item = adopted(read_table(path))
    assert brief(item) == {
        1: ("COMPLETED", 0.5, 10),
        2: ("STOPPED", 0.6, 9),
        3: ("FAILED", None, 0),
    }
    assert [trial.seconds for trial in trials(item).values()] == [1.5, 2.0, 3.0]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_plain_table_needs_no_state(path: Path, delimiter: str, newline: str) -> None:
    lines = ("lr,depth,rmse", "0.1,3,0.5", "", "0.2,4,0.4", "")
    path.write_bytes("\ufeff".encode() + newline.join(lines).replace(",", delimiter).encode())
    item = adopted(read_table(path))
    assert brief(item) == {1: ("COMPLETED", 0.5, 10), 2: ("COMPLETED", 0.4, 10)}
    assert trials(item)[2].config["max_depth"] == 4


def test_a_column_study_makes_several(path: Path) -> None:
    path.write_text("study,lr,rmse\none,0.1,0.5\ntwo,0.1,0.4\n,0.1,0.3\none,0.2,0.2\n")
    studies = {study.name: len(study.trials) for study in read_table(path).studies}
    assert studies == {"one": 2, "two": 1, "runs": 1}


@pytest.mark.parametrize("text", ["nan", "NaN", "inf", "1.797e308"])
def test_a_value_that_stands_for_infinity_diverged(path: Path, text: str) -> None:
    path.write_text(f"lr,rmse\n0.1,0.5\n0.2,{text}\n")
    assert brief(adopted(read_table(path)))[2][0] == "DIVERGED"


@pytest.mark.parametrize("text", ["", "n/a", "best", "0,5"])
def test_a_cell_that_is_no_number_is_no_value(path: Path, text: str) -> None:
    path.write_text(f'lr,rmse\n0.1,0.5\n0.2,"{text}"\n')
    (refusal,) = adopted(read_table(path)).refused
    assert (refusal.trial_id, refusal.reason) == (2, "no rmse")


def test_a_parquet_table_is_read_with_its_types(tmp_path: Path) -> None:
    path = tmp_path / "runs.parquet"
    columns = {
        "lr": [0.1, 0.2, None],
        "depth": [3, 4, 5],
        "kind": [True, False, True],
        "rmse": [0.5, 0.4, float("nan")],
        "tags": [["x"], [], None],
    }
    parquet.write_table(pyarrow.table(columns), path)
    item = adopted(read_table(path))
    assert brief(item)[1] == ("COMPLETED", 0.5, 10)
    assert trials(item)[1].config["kind"] is True
    assert trials(item)[3].config["learning_rate"] == 0.1
    assert trials(item)[3].state == "DIVERGED"
    assert [refusal.trial_id for refusal in item.refused] == [2]


def test_bad_rows_are_refused_and_the_others_are_read(path: Path) -> None:
    path.write_text("lr,state,rmse\n0.1,done,0.5\n0.2,done\n0.3,done,0.3,9\n0.4,asleep,0.2\n")
    found = read_table(path)
    assert [trial.id for trial in found.studies[0].trials] == [1]
    assert [(refusal.trial_id, refusal.reason) for refusal in found.refused] == [
        (2, "row: 2 fields, the header has 3"),
        (3, "row: 4 fields, the header has 3"),
        (4, "row: unknown state 'asleep'"),
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the table is empty"),
        (b"\n\n", "the table is empty"),
        (b"lr,rmse\n", "no trial in it (no rows)"),
        (b"lr,rmse\n1\n", "no trial in it (row: 1 fields, the header has 2)"),
        (b"lr,lr\n1,2\n", "2 columns are called 'lr'. Rename them"),
        (b"\x89PNG\r\n", "neither CSV nor Parquet (byte 0x89 at offset 0). Save it as UTF-8"),
        (b"lr,rmse\n1,\0\n", "neither CSV nor Parquet (byte 0x00 at offset 10)"),
        (b"lr,rmse\n1," + b"x" * 200_000, "field larger than field limit"),
        (b"PAR1garbage", "cannot be read as Parquet"),
        (b"PAR1", "cannot be read as Parquet"),
    ],
)
def test_what_is_no_table_is_told(path: Path, content: bytes, words: str) -> None:
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_table(path)
    assert str(caught.value).startswith(str(path))
    assert words in str(caught.value)


@pytest.mark.parametrize(("limit", "value"), [("MOST_TRIALS", 2), ("MOST_BYTES", 9)])
def test_a_table_that_is_too_large_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(table, limit, value)
    path.write_text("lr,rmse\n" + "0.1,0.5\n" * 3)
    with pytest.raises(UsageError, match="Split it"):
        read_table(path)
