import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import optuna
import pytest

from docs import generate
from tuner.arguments import COMMANDS
from tuner.fields import FIELDS
from tuner.parser import parse, settings

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_reference_is_in_step_with_the_program() -> None:
    assert generate.PATH.read_text() == generate.reference(), "run `python -m docs.generate`"


def test_the_reference_tells_every_command_argument_and_key() -> None:
    page = generate.reference()
    for name, (_, words) in COMMANDS.items():
        assert not words or f"### `tuner {name}" in page
        assert all(f"| {settings(name, word)['help']} |" in page for word in words)
    assert all(f"| `{field.key}` | {field.rule.expected} |" in page for field in FIELDS)


def test_a_key_is_shown_with_its_default() -> None:
    page = generate.reference()
    for key, default in [("budget.trials", "`50`"), ("budget.time", "none"), ("seed", "`0`")]:
        assert re.search(rf"\| `{key}` \| [^|]* \| {default} \|", page)
    assert re.search(r"\| `task.dataset` \| [^|]* \| required \|", page)


def test_a_stale_reference_is_noticed_and_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "PATH", tmp_path / "reference.md")
    assert generate.main(["--check"]) == 1
    assert "reference.md is stale" in capsys.readouterr().err
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0


def test_every_environment_variable_that_is_read_is_documented() -> None:
    reading = re.compile(r'environ\.get\("(\w+)"|environ\["(\w+)"\](?! = )|constants\.(HF_\w+)')
    read = {
        name
        for package in ("tuner", "trainables")
        for path in (ROOT / package).rglob("*.py")
        for names in reading.findall(path.read_text())
        for name in names
    }
    assert read - {""} == set(generate.ENVIRONMENT)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_command_that_a_page_shows_is_understood(page: Path) -> None:
    for command in re.findall(r"(?m)^(?:    |\$ )tuner (.+)$", page.read_text()):
        parse(shlex.split(command.replace("…", ""), comments=True))


def test_what_is_said_to_protect_is_tested_where_it_is_said() -> None:
    rows = re.findall(r"(?m)^\| .* \| (`.*`) \|$", (ROOT / "SECURITY.md").read_text())
    assert len(rows) >= 10
    for name in {name for row in rows for name in re.findall(r"`([^`]+)`", row)}:
        assert (ROOT / "tests" / f"{name}.py").is_file(), name


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda p: p.stem)
def test_the_head_of_a_config_says_how_to_run_it(path: Path) -> None:
    head = path.read_text().partition("version:")[0]
    assert f"tuner run {path.stem}\n" in head
    assert f"tuner run {path.stem} --baseline" in head


def test_the_example_of_the_readme_runs_and_learns(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'studies.db'}")
    sampler = optuna.samplers.RandomSampler(seed=0)
    past = optuna.create_study(storage=storage, sampler=sampler)
    past.optimize(lambda trial: (trial.suggest_float("x", -10, 10) - 2) ** 2, n_trials=20)
    storage.remove_session()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", example],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = re.search(r"\{'x': ([0-9.]+)\}", done.stdout)
    assert found
    assert float(found[1]) == pytest.approx(2, abs=0.05)
