import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from meta.history import Refusal
from meta.space import Float, SearchSpace
from meta.study import Measurement, Metric, Study, Task, Trial, TrialState
from tuner.cli import main
from tuner.config import RunOptions, StudyConfig
from tuner.errors import EnvironmentFault, NoTrialCompleted
from tuner.home import default_tracking_uri
from tuner.journal_file import FILE_NAME


@dataclass
class Outcome:
    """What a driver would return."""

    name: str

    def to_json(self) -> dict[str, Any]:
        return {"task": self.name}

    def text(self) -> str:
        return f"report of {self.name}"


@dataclass
class Driver:
    """Stands in for ``tuner.driver``: records what it is asked, runs nothing."""

    asked: list[tuple[Any, RunOptions]] = field(default_factory=list)
    barren: frozenset[str] = frozenset()

    def run(self, config: StudyConfig, options: RunOptions) -> Outcome:
        self.asked.append((config, options))
        if config.task.id in self.barren:
            raise NoTrialCompleted(f"{config.task.id}: no trial completed")
        return Outcome(config.task.id)

    plan = run

    def resume(self, directory: Path, options: RunOptions) -> Outcome:
        self.asked.append((directory, options))
        return Outcome(directory.name)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    stand_in = Driver()
    for name in ("tuner.driver", "tuner.planner"):
        monkeypatch.setitem(sys.modules, name, stand_in)
    return stand_in


Read = Callable[[], tuple[str, str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Read:
    return lambda: tuple(capsys.readouterr())  # type: ignore[return-value]


def test_a_run_hands_the_config_with_its_overrides_to_the_driver(driver: Driver) -> None:
    line = (
        "run toy-curve --trials 7 --time-budget 90s --gpu-hours 2 --concurrency 3 --seed 4"
        " --sampler gp --warm-start off --tracking-uri http://mlflow:5000 --synthetic"
        " --no-starter"
        " --set space.x.default=0.25 --set budget.trials=99"
    )
    assert main(shlex.split(line)) == 0
    ((config, _),) = driver.asked
    assert (config.budget.trials, config.budget.time_seconds, config.budget.gpu_hours) == (7, 90, 2)
    assert (config.resources.concurrency, config.seed, config.sampler) == (3, 4, "gp")
    assert (config.warm_start.points, config.tracking.uri) == (0, "http://mlflow:5000")
    assert config.synthetic
    assert not config.warm_start.starter
    assert config.space.parameters["x"].default == 0.25


def test_without_options_a_study_runs_warm_on_the_history_of_its_store(driver: Driver) -> None:
    assert main(["run", "toy-curve"]) == 0
    assert driver.asked[0][1] == RunOptions(command="tuner run toy-curve")


def test_every_option_that_is_no_key_reaches_the_driver(driver: Driver, tmp_path: Path) -> None:
    line = (
        f"run toy-curve --baseline --history http://a:1 --history sqlite:////b.db --data-dir"
        f" {tmp_path} --address 10.0.0.1:6379 --out {tmp_path / 'out'} --no-finalize --quiet"
        " --json --allow-code"
    )
    assert main(shlex.split(line)) == 0
    assert driver.asked[0][1] == RunOptions(
        arm="cold",
        history=("http://a:1", "sqlite:////b.db"),
        use_history=True,
        data_dir=tmp_path,
        address="10.0.0.1:6379",
        out=tmp_path / "out",
        finalize=False,
        quiet=True,
        json=True,
        allow_code=True,
        command=(
            "tuner run toy-curve --history http://a:1 --history sqlite:////b.db --no-finalize"
            f" --data-dir {tmp_path} --allow-code"
        ),
    )


def test_the_command_of_the_other_arm_repeats_what_makes_a_pair(driver: Driver) -> None:
    line = (
        "run toy-curve --baseline --json --seed 4 --trials 7 --set space.x.default=0.25"
        " --no-starter"
    )
    assert main(shlex.split(line)) == 0
    assert driver.asked[0][1].command == (
        "tuner run toy-curve --trials 7 --seed 4 --set space.x.default=0.25 --no-starter"
    )
    assert main(["run", "toy-curve", "--no-history"]) == 0
    assert not driver.asked[1][1].use_history


def test_several_tasks_run_one_after_the_other(driver: Driver, said: Read) -> None:
    assert main(["run", "diabetes-*", "toy-curve"]) == 0
    names = ["diabetes-lightgbm", "diabetes-xgboost", "toy-curve"]
    assert [config.task.id for config, _ in driver.asked] == names
    assert said()[0] == "".join(f"report of {name}\n" for name in names)


@pytest.mark.parametrize("command", ["run", "plan"])
def test_json_is_one_object_for_one_task_and_for_several(
    command: str, driver: Driver, said: Read
) -> None:
    assert main([command, "toy-curve", "--json"]) == 0
    assert json.loads(said()[0]) == {"task": "toy-curve"}
    assert main([command, "diabetes-*", "--json"]) == 0
    tasks = [{"task": "diabetes-lightgbm"}, {"task": "diabetes-xgboost"}]
    assert json.loads(said()[0]) == {"studies": tasks}


def test_a_task_in_which_no_trial_completes_does_not_keep_the_others(
    driver: Driver, said: Read
) -> None:
    driver.barren = frozenset({"diabetes-lightgbm"})
    assert main(["run", "diabetes-*", "--json"]) == 4
    out, err = said()
    assert json.loads(out) == {"studies": [{"task": "diabetes-xgboost"}]}
    assert err == "tuner: error: diabetes-lightgbm: no trial completed\n"


def test_a_resume_hands_the_directory_to_the_driver(
    driver: Driver, tmp_path: Path, said: Read
) -> None:
    (tmp_path / FILE_NAME).touch()
    assert main(["resume", str(tmp_path), "--no-finalize"]) == 0
    assert driver.asked == [(tmp_path, RunOptions(finalize=False))]
    assert said()[0] == f"report of {tmp_path.name}\n"
    assert main(["resume", str(tmp_path), "--json"]) == 0
    assert json.loads(said()[0]) == {"task": tmp_path.name}


def test_a_resume_of_no_study_names_the_runs_there_are(home: Path, said: Read) -> None:
    run = home / "runs" / "toy-curve-warm-0"
    run.mkdir(parents=True)
    assert main(["resume", "nowhere"]) == 5
    assert f"'nowhere' holds no study. Runs here: {run}." in said()[1]


def test_the_tasks_are_listed_with_where_their_data_are(said: Read) -> None:
    assert main(["tasks", "--json"]) == 0
    tasks = {task["task"]: task for task in json.loads(said()[0])["tasks"]}
    assert tasks["diabetes-xgboost"]["data"] == "bundled with scikit-learn"
    assert tasks["diabetes-xgboost"]["trials"] == 30
    assert tasks["toy-curve"]["data"] == "no data needed"
    assert main(["tasks"]) == 0
    assert said()[0].splitlines()[0].split() == [*tasks["toy-curve"]]


METRIC, SPACE = Metric("value", "min", 0), SearchSpace({"x": Float(0, 1)})
DONE = Trial(3, {"x": 0.5}, TrialState.COMPLETED, (Measurement(9, 0.25, 1.0),), "", "tpe", 1, 1.0)
FAILED = Trial(4, {"x": 0.1}, TrialState.FAILED, (), "boom\nline", "default")
NOON = datetime(2026, 5, 17, 12, 0, 30).timestamp()
RUNNING = Trial(5, {"x": 0.2})
PAST = Study("abc", Task("toy", "curve"), SPACE, METRIC, 7, "warm", (DONE, FAILED, RUNNING))


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Stands in for ``tuner.tracking``: a store with one study; says what was read."""
    read: list[tuple[str, str]] = []

    def read_studies(uri: str, experiment: str) -> SimpleNamespace:
        read.append((uri, experiment))
        if "gone" in uri:
            raise EnvironmentFault("no answer")
        refused = (Refusal("old", None, "no record"),)
        return SimpleNamespace(studies=(PAST,), refused=refused, started={"abc": NOON})

    tracking = SimpleNamespace(read_studies=read_studies)
    monkeypatch.setitem(sys.modules, "tuner.tracking", tracking)
    return read


def test_past_studies_are_listed(store: list[tuple[str, str]], said: Read) -> None:
    assert main(["history", "list", "--json"]) == 0
    (study,) = json.loads(said()[0])["studies"]
    assert (study["study"], study["task"], study["arm"], study["seed"]) == (
        "abc",
        "toy-curve",
        "warm",
        7,
    )
    assert (study["trials"], study["metric"], study["best"]) == (3, "value", 0.25)
    assert store == [(default_tracking_uri(), "warmtune")]
    assert main(["history", "list", "--tracking-uri", "http://x", "--experiment", "mine"]) == 0
    assert store[1] == ("http://x", "mine")
    assert "abc    toy-curve  warm  7     3       value   0.25  2026-05-17 12:00" in said()[0]


def test_a_past_study_is_shown_with_its_trials(store: list[tuple[str, str]], said: Read) -> None:
    assert main(["history", "show", "abc"]) == 0
    _, done, failed, _ = said()[0].splitlines()
    assert done.split() == ["3", "COMPLETED", "9", "0.25", "tpe", "x=0.5"]
    assert failed.split() == ["4", "FAILED", "0", "default", "boom", "x=0.1"]
    assert main(["history", "show", "abc", "--json"]) == 0
    assert Study.from_json(json.loads(said()[0])) == PAST
    assert main(["history", "show", "abd"]) == 2
    assert "unknown study 'abd'. `tuner history list` shows the known ones." in said()[1]


def test_what_would_not_be_learned_from_is_shown_with_its_reason(
    store: list[tuple[str, str]], said: Read
) -> None:
    assert main(["history", "refused", "toy-curve", "--json"]) == 0
    reasons = {item["study_id"]: item["reason"] for item in json.loads(said()[0])["refused"]}
    assert reasons == {"old": "no record", "abc": "running"}


@pytest.mark.parametrize("command", ["list", "show abc", "refused toy-curve"])
def test_a_store_that_does_not_answer_is_told(
    command: str, store: list[tuple[str, str]], said: Read
) -> None:
    line = f"history {command} --tracking-uri http://me:secret@gone"
    assert main(shlex.split(line)) == 3
    out, err = said()
    assert out == ""
    assert "http://me:***@gone: no answer" in err


def test_the_ui_is_opened_on_the_store_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[object, ...]] = []
    tracking = SimpleNamespace(open_ui=lambda *arguments: opened.append(arguments))
    monkeypatch.setitem(sys.modules, "tuner.tracking", tracking)
    assert main(["ui"]) == 0
    place = ["--host", "::1", "--port", "5001", "--experiment", "mine"]
    assert main(["ui", "--tracking-uri", "http://x", *place]) == 0
    assert opened == [
        (default_tracking_uri(), "warmtune", "127.0.0.1", 5000),
        ("http://x", "mine", "::1", 5001),
    ]
