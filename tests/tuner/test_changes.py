"""What a resume notices of a study's file and of the versions."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meta.study import Study
from tests.tuner.configs import LEAST
from tuner import changes
from tuner.changes import config_changes, version_changes, versions
from tuner.config import RunOptions, StudyConfig
from tuner.config_reader import Override, load
from tuner.design import Design, Member
from tuner.driver import resume
from tuner.errors import UsageError
from tuner.journal import Journal


@pytest.fixture
def header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """That of ``tuner run x.yaml --trials 7``, typed in the folder of the file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text(LEAST)
    config = load("x.yaml", [Override("budget.trials", "7")])
    return {
        "config": config.to_json(),
        "command": "tuner run x.yaml --trials 7",
        "folder": str(tmp_path),
        "versions": versions(),
        "data_dir": None,
    }


def test_a_file_that_says_the_same_is_no_change(header: dict[str, Any]) -> None:
    Path("x.yaml").write_text(LEAST.replace("version: 1", "# a comment\nversion: 1"))
    assert config_changes(header) == []


def test_a_study_of_the_arm_tpe_of_ones_own_file_can_be_resumed(header: dict[str, Any]) -> None:
    """Its sampler is the arm's, not the file's, and its command says so."""
    config = StudyConfig.from_json(header["config"])
    design = Design((config,), ("tpe", "warm"), (3, 4, 5), (header["command"],))
    command = design.study_command(Member(config.task.id, "tpe", config.seed))
    config = replace(config, sampler="tpe")
    assert config_changes({**header, "command": command, "config": config.to_json()}) == []


def test_each_key_that_changed_is_told_with_both_values(header: dict[str, Any]) -> None:
    Path("x.yaml").write_text(
        LEAST.replace("[0, 1]", "[0, 2]") + "seed: 4\nbudget: {max_steps: 20, trials: 99}\n"
    )
    told = config_changes(header)
    assert "seed: 4, was 0" in told
    assert "budget.max_steps: 20, was 10" in told
    assert any(line.startswith("space.") for line in told), told
    assert len(told) == 3


def test_a_file_that_is_gone_and_a_built_in_task_change_nothing(header: dict[str, Any]) -> None:
    Path("x.yaml").unlink()
    assert config_changes(header) == []
    assert config_changes({**header, "command": "tuner run toy-curve --seed 3"}) == []
    assert config_changes({**header, "folder": "gone"}) == []


def test_where_the_resume_is_typed_changes_nothing(
    header: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("x.yaml").write_text(f"{LEAST}tracking: {{uri: sqlite:///mine.db}}\n")
    config = load("x.yaml", [Override("budget.trials", "7")])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert config_changes({**header, "config": config.to_json()}) == []
    assert Path.cwd() == tmp_path / "elsewhere"


def test_a_key_that_an_older_version_did_not_know_is_no_change(header: dict[str, Any]) -> None:
    del header["config"]["budget"]["step_timeout_seconds"]
    assert config_changes(header) == []


def test_other_versions_are_told(header: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert version_changes(header) == []
    monkeypatch.setattr(changes, "versions", lambda: {"ray": "9.9"})
    assert version_changes(header) == [f"ray 9.9, was {header['versions']['ray']}"]


def test_a_resume_with_a_changed_file_is_refused(header: dict[str, Any], tmp_path: Path) -> None:
    config = load("x.yaml")
    study = Study("s", config.task, config.space, config.metric, 0, "warm")
    (tmp_path / "run").mkdir()
    Journal.create(tmp_path / "run", study, header).close()
    Path("x.yaml").write_text(LEAST + "seed: 4\n")
    with pytest.raises(UsageError, match=r"seed: 4, was 0\. Undo that, or start a new study"):
        resume(tmp_path / "run", RunOptions(quiet=True))
