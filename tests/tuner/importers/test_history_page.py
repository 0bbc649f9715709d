"""The commands in ``docs/history.md`` do what the page says."""

import shlex
import shutil
from pathlib import Path

import pytest

from tests.sources import ROOT
from tests.tuner.importers.test_mlflow_folder import written
from tests.tuner.importers.test_optuna_storage import fill
from tests.tuner.importers.test_ray_results import write as write_ray_trial
from tuner.cli import main
from tuner.importers.archive import _schema
from tuner.importers.scales import SCALES
from tuner.importers.sources import KINDS

__all__ = ["written"]

PAGE = (ROOT / "docs" / "history.md").read_text()
COMMANDS = [line.strip() for line in PAGE.splitlines() if line.startswith("    tuner ")]
WANDB = """Name,State,Runtime,Created,lr,max_depth,rmse
a,finished,62,2024-05-01T10:00:00.000Z,0.05,7,0.41
"""
TABLE = """log_lr,rows,score
-1,80,-0.7
"""


@pytest.fixture
def folder(tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch, written: Path) -> Path:
    """A folder with the sources that the page names."""
    path = tmp_path / "work"
    path.mkdir()
    monkeypatch.chdir(path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    fill("sqlite:///study.db")
    for n in range(3):
        config = {"lr": 0.1 + n / 100, "max_depth": 5}
        write_ray_trial(path / "results", n, [0.9, 0.5], config=config)
    for file in path.glob("results/*/result.json"):
        file.write_text(file.read_text().replace('"loss"', '"val_rmse"'))
    shutil.copytree(written, path / "mlruns")
    for meta in path.glob("mlruns/*/meta.yaml"):
        meta.write_text(meta.read_text().replace("'old: no'", "old"))
    (path / "runs.csv").write_text(WANDB)
    (path / "table.csv").write_text(TABLE)
    return path


@pytest.mark.usefixtures("folder")
def test_every_command_of_the_page_works(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(COMMANDS) >= 10
    for command in COMMANDS:
        code = main(shlex.split(command)[1:])
        out, err = capsys.readouterr()
        assert (code, err) == (0, ""), command
        assert "nothing was imported" not in out, f"{command}\n{out}"


def test_the_page_names_every_kind_scale_and_column() -> None:
    assert all(f"`{name}`" in PAGE for name in (*SCALES, *_schema().names))
    assert len(KINDS) == PAGE.partition("## What is what")[0].count("\n| ") - 1
