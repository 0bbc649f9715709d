import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import NoReturn

import pytest

from trainables.data.sources import ADULT
from tuner import commands
from tuner.cli import main
from tuner.errors import (
    EnvironmentFault,
    Interrupted,
    NoTrialCompleted,
    RunDirectoryError,
    UsageError,
)

ROOT = Path(__file__).parents[2]


def failing(error: BaseException) -> dict[str, object]:
    def fail(_: Namespace) -> NoReturn:
        raise error

    return {**commands.COMMANDS, "tasks": fail}


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (UsageError("one", "two"), 2, "tuner: error: one\ntuner: error: two\n"),
        (EnvironmentFault("no disk"), 3, "tuner: error: no disk\n"),
        (NoTrialCompleted("all failed"), 4, "tuner: error: all failed\n"),
        (RunDirectoryError("in use"), 5, "tuner: error: in use\n"),
        (Interrupted(15, "goes on"), 143, "tuner: error: goes on\n"),
        (KeyboardInterrupt(), 130, "tuner: error: interrupted.\n"),
        (
            ZeroDivisionError("by zero"),
            1,
            "tuner: error: this is a bug in tuner (ZeroDivisionError: by zero)."
            " Report it with what TUNER_DEBUG=1 shows.\n",
        ),
    ],
)
def test_each_class_of_error_has_its_exit_code_and_no_traceback(
    error: BaseException,
    code: int,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("TUNER_DEBUG", raising=False)
    monkeypatch.setattr(commands, "COMMANDS", failing(error))
    assert main(["tasks"]) == code
    assert capsys.readouterr().err == told


def test_the_traceback_is_shown_on_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUNER_DEBUG", "1")
    monkeypatch.setattr(commands, "COMMANDS", failing(UsageError("wrong")))
    assert main(["tasks"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert err.endswith("tuner: error: wrong\n")


@pytest.mark.parametrize("argv", [["--help"], ["run", "--help"], ["history", "list", "-h"]])
def test_help_is_a_result(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 0
    out, err = capsys.readouterr()
    assert out.startswith("usage: tuner")
    assert err == ""


def test_help_and_refusals_import_nothing_heavy() -> None:
    script = (
        "import sys; from tuner.cli import main; main(['--help']); main(['rnu'])\n"
        "light = {'yaml', 'numpy', 'rich'} & sys.modules.keys()\n"
        "main(['run', 'adult-xgboost', '--trials', '0'])\n"
        "heavy = {'ray', 'mlflow', 'optuna', 'pandas', 'sklearn', 'xgboost', 'torch'}\n"
        "sys.exit(f'{light} {heavy}' if light or heavy & sys.modules.keys() else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    command = [sys.executable, "-m", "tuner", "tasks"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr as stderr:
        assert stderr.read() == b""
    assert process.wait() == 0


def test_an_encoding_without_the_characters_stops_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "COLUMNS": "40"}
    folder = tmp_path / "é" / "uci" / "adult"
    folder.mkdir(parents=True)
    for name in ADULT.sha256:
        (folder / name).touch()
    done = subprocess.run(
        [sys.executable, "-m", "tuner", "tasks", "--data-dir", str(tmp_path / "é")],
        cwd=ROOT,
        env={**environment, "TUNER_HOME": str(tmp_path / "é")},
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\xe9/uci/adult" in done.stdout
