"""Results as Ray Tune writes them, read without any of its pickles."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.tuner.importers.tasks import adopted, brief, trials
from tuner.errors import UsageError
from tuner.importers import ray_results
from tuner.importers.ray_results import read_ray

CONFIG: dict[str, Any] = {"lr": 0.1, "model": {"kind": "a", "depth": 3}}


POISON = b"cos\nabort\n(tR."
"""A pickle that ends the process that loads it."""


def report(step: int, loss: float, done: bool, config: dict[str, Any]) -> dict[str, Any]:
    """A line of ``result.json``, with the keys that Ray 2.60 writes."""
    return {
        "loss": loss,
        "aux/mae": loss / 2,
        "timestamp": 1795520641,
        "checkpoint_dir_name": None,
        "done": done,
        "training_iteration": step,
        "trial_id": "52bf1_00000",
        "date": "2026-11-24_11-44-01",
        "time_this_iter_s": 0.5,
        "time_total_s": step / 2,
        "pid": 3860,
        "hostname": "host",
        "node_ip": "192.0.2.1",
        "config": config,
        "time_since_restore": step / 2,
        "iterations_since_restore": step,
    }


def write(
    experiment: Path,
    n: int,
    losses: Sequence[float],
    done: bool = True,
    error: str = "",
    config: dict[str, Any] | None = None,
) -> Path:
    config = {**CONFIG, "lr": 0.1 + n / 100} if config is None else config
    folder = experiment / f"train_52bf1_{n:05}_{n}_lr={config['lr']}_2026-11-24_11-43-57"
    folder.mkdir(parents=True)
    lines = [
        report(step, loss, done and step == len(losses), config)
        for step, loss in enumerate(losses, 1)
    ]
    (folder / "result.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "params.json").write_text(json.dumps(config, indent=2, sort_keys=True))
    (folder / "params.pkl").write_bytes(POISON)
    if error:
        (folder / "error.txt").write_text(error)
        (folder / "error.pkl").write_bytes(POISON)
    return folder


def write_states(experiment: Path, *statuses: str) -> None:
    """What Ray keeps of where it stands: JSON within JSON, with pickles as texts."""
    names = sorted(folder.name for folder in experiment.iterdir())
    data = [
        [json.dumps({"relative_logdir": name, "status": status, "storage": "80054e2e"}), "{}"]
        for name, status in zip(names, statuses, strict=True)
    ]
    path = experiment / "experiment_state-2026-11-24_11-43-56.json"
    path.write_text(json.dumps({"trial_data": data, "runner_data": {}, "stats": {}}))


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    path = tmp_path / "results" / "my_exp"
    write(path, 0, [0.9, 0.6, 0.3])
    write(path, 1, [0.8])
    write(path, 2, [0.7, 0.5], done=False, error="Traceback:\n  ...\nRuntimeError: boom\n")
    write(path, 3, [0.7, float("nan")])
    write(path, 4, [0.7, 0.6], done=False)
    write_states(path, "TERMINATED", "TERMINATED", "ERROR", "TERMINATED", "RUNNING")
    (path / "tuner.pkl").write_bytes(POISON)
    return path


def test_states_curves_and_nested_parameters_are_read(experiment: Path) -> None:
    item = adopted(read_ray(experiment), metric="loss")
    assert brief(item) == {
        0: ("COMPLETED", 0.3, 10),
        1: ("STOPPED", 0.8, 4),
        2: ("FAILED", 0.5, 7),
        3: ("DIVERGED", 0.7, 4),
    }
    assert trials(item)[2].reason == "RuntimeError: boom"
    assert trials(item)[0].config["max_depth"] == 3
    assert [m.seconds for m in trials(item)[0].measurements] == [0.5, 1.0, 1.5]
    assert trials(item)[0].seconds == 1.5
    assert {(r.trial_id, r.reason) for r in item.refused} == {(4, "has not ended")}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"trial_data": [["{", "{}"]]}', b"\xff"]
)
def test_without_a_state_that_can_be_read_a_short_trial_counts_as_stopped(
    experiment: Path, content: bytes
) -> None:
    (path,) = experiment.glob("experiment_state*")
    path.write_bytes(content)
    assert brief(adopted(read_ray(experiment), metric="loss"))[4] == ("STOPPED", 0.6, 7)


@pytest.mark.parametrize("up", [0, 1, 2])
def test_a_trial_an_experiment_or_a_storage_path_may_be_named(experiment: Path, up: int) -> None:
    folder = [*sorted(experiment.glob("*_00000_*")), experiment, experiment.parent][up]
    (study,) = read_ray(folder).studies
    assert (study.name, study.origin) == ("my_exp", "ray")


def test_each_experiment_is_a_study(experiment: Path) -> None:
    write(experiment.parent / "other", 0, [0.5])
    assert [study.name for study in read_ray(experiment.parent).studies] == ["my_exp", "other"]


def test_a_line_that_a_kill_cut_off_ends_the_reports(experiment: Path) -> None:
    (path,) = experiment.glob("*_00000_*/result.json")
    path.write_text(path.read_text() + '{"loss": 0.1, "training_it')
    assert brief(adopted(read_ray(experiment), metric="loss"))[0] == ("COMPLETED", 0.3, 10)


def test_without_params_json_the_reports_say_the_parameters(experiment: Path) -> None:
    (path,) = experiment.glob("*_00000_*/params.json")
    path.unlink()
    assert trials(adopted(read_ray(experiment), metric="loss"))[0].config["max_depth"] == 3


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("result.json", b"\xff\xfe\0"),
        ("result.json", b"[1]\n"),
        ("params.json", b"{"),
        ("params.json", b"[]"),
        ("params.json", b"[" * 100_000),
    ],
)
def test_a_damaged_trial_is_refused_and_the_others_are_read(
    experiment: Path, name: str, content: bytes
) -> None:
    (path,) = experiment.glob(f"*_00001_*/{name}")
    path.write_bytes(content)
    found = read_ray(experiment)
    assert [trial.id for trial in found.studies[0].trials] == [0, 2, 3, 4]
    assert [refusal.trial_id for refusal in found.refused] == [1]


def test_a_trial_without_a_report_is_no_trouble(experiment: Path) -> None:
    (path,) = experiment.glob("*_00001_*/result.json")
    path.write_text("")
    assert 1 not in trials(adopted(read_ray(experiment), metric="loss"))


def test_an_oversized_report_is_refused(experiment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_results, "MOST_BYTES", 1 << 10)
    found = read_ray(experiment)
    assert "is larger than" in found.refused[0].reason


def test_a_folder_without_results_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no trial of Ray Tune \(result.json\) in it. Name the"):
        read_ray(tmp_path)


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("ray_cluster")
def test_what_this_version_of_ray_writes_is_read(tmp_path: Path) -> None:
    from ray import tune
    from ray.tune.logger import JsonLoggerCallback

    def train(config: dict[str, Any]) -> None:
        for step in range(1, 4):
            if config["depth"] == 2 and step == 2:
                raise ValueError("boom")
            tune.report({"loss": config["lr"] / step})

    tune.Tuner(
        train,
        param_space={"lr": tune.grid_search([0.1, 0.2]), "depth": tune.grid_search([2, 3])},
        run_config=tune.RunConfig(
            name="real", storage_path=str(tmp_path), verbose=0, callbacks=[JsonLoggerCallback()]
        ),
    ).fit()
    item = adopted(read_ray(tmp_path), metric="loss")
    states = sorted((t.config["max_depth"], str(t.state), t.step) for t in trials(item).values())
    assert states == [
        (2, "FAILED", 4),
        (2, "FAILED", 4),
        (3, "COMPLETED", 10),
        (3, "COMPLETED", 10),
    ]
    assert {t.reason for t in trials(item).values()} >= {"ValueError: boom"}
