import re
import shlex
import sys
from pathlib import Path

import pytest

from tests.inputs.cases import CASES, GOOD, Case
from tuner.cli import main
from tuner.config_reader import load

STARTED_BY_A_RUN = ("ray", "mlflow", "tuner.driver", "tuner.planner")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command runs; everything that only a run needs fails to import."""
    path = tmp_path / "work"
    path.mkdir()
    monkeypatch.chdir(path)
    for module in STARTED_BY_A_RUN:
        monkeypatch.setitem(sys.modules, module, None)
    return path


def make(files: dict[str, str | bytes], folder: Path) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.row}: {case.argv}"[:60])
def test_bad_input_is_answered_with_its_value_and_a_way_out(
    case: Case, folder: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(case.files, folder)
    before = sorted(folder.rglob("*"))
    assert main(shlex.split(case.argv)) == case.code
    out, err = capsys.readouterr()
    assert out == ""
    assert len(re.findall("^tuner: error: ", err, re.MULTILINE)) == case.faults
    assert case.value in err
    assert case.remedy in err
    assert "Traceback" not in err
    assert "secret" not in err
    assert sorted(folder.rglob("*")) == before
    assert not home.exists()


def test_a_number_such_as_1e_3_is_a_number(folder: Path) -> None:
    make({"x.yaml": GOOD.replace("0.001", "1e-3")}, folder)
    make({"y.yaml": GOOD}, folder)
    assert load("x.yaml") == load("y.yaml")


def test_an_unreadable_file_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    make({"x.yaml": GOOD}, folder)
    monkeypatch.setattr(Path, "open", refuse)
    assert main(["run", "x.yaml"]) == 2
    assert "cannot be read (Permission denied). Check its permis" in capsys.readouterr().err
