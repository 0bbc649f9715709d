"""What only the data, the disk, the machine or Ray can refuse: answered before any trial starts."""

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.inputs.test_bad_input import make
from tuner.cli import main

ADULT = "run adult-xgboost --no-history"
TOY = "run toy-curve --no-history"


@dataclass(frozen=True)
class Case:
    """As in ``cases``, with ``row`` of the same list."""

    row: int
    argv: str
    value: str
    remedy: str
    code: int
    files: dict[str, str | bytes] = field(default_factory=dict)


WRONG: dict[str, str | bytes] = {"adult/adult.data": "x", "adult/adult.test": "x"}

CASES = (
    Case(11, f"{TOY} --address 127.0.0.1:1", "127.0.0.1:1", "`ray start --head`", 3),
    Case(22, f"{TOY} --out file/run", "file/run", "--out with another folder", 3, {"file": "x"}),
    Case(22, f"{TOY} --out full", "full", "tuner resume", 5, {"full/journal.db": "x"}),
    Case(38, f"plan {TOY[4:]} --set resources.gpu=0.25", "asked 0.25", "resources.gpu=0", 3),
    Case(40, f"plan {TOY[4:]} --set resources.cpu=512", "asked 512", "--set resources.cpu=", 3),
    Case(42, ADULT, "cannot fetch adult", "Put adult.data (SHA-256 5b", 3),
    Case(
        42,
        f"{ADULT} --data-dir here",
        "cannot fetch",
        ") in here, or set TUNER_DATA",
        3,
        {"here/other": "x"},
    ),
    Case(43, f"{ADULT} --data-dir .", "SHA-256", "elete it", 2, WRONG),
    Case(
        48,
        "resume run",
        "cannot be read (",
        "Start a new study",
        5,
        {"run/journal.db": b"SQLite format 3\0rest"},
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.row}: {case.argv}"[:60])
def test_bad_surroundings_are_answered_with_their_value_and_a_way_out(
    case: Case,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TUNER_UCI_URL", "http://127.0.0.1:1")
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    make(case.files, folder)
    before = sorted(folder.rglob("*"))
    assert main(shlex.split(case.argv)) == case.code
    out, err = capsys.readouterr()
    assert out == ""
    assert len(re.findall("^tuner: error: ", err, re.MULTILINE)) == 1
    assert case.value in err
    assert case.remedy in err
    assert "Traceback" not in err
    assert sorted(folder.rglob("*")) == before
