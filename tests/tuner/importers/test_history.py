"""The commands `tuner history import` and `export`, from the source to the next warm start."""

import json
import os
import shlex
from pathlib import Path
from typing import Any

import pytest

from meta.study import Study
from tests.tuner.importers.tasks import write_task
from tests.tuner.importers.test_optuna_storage import fill
from tests.tuner.importers.test_ray_results import write as write_ray_trial
from tests.tuner.importers.test_table import OPTUNA, WANDB
from tests.tuner.tracking.servers import closed_port
from tuner.cli import main
from tuner.config import RunOptions
from tuner.config_reader import Override, load
from tuner.home import default_tracking_uri
from tuner.importers.archive import read_archive
from tuner.past import read_past
from tuner.tracking import read_studies

TABLE = "lr,depth,rmse\n" + "".join(f"0.{n},{n},{1 / n}\n" for n in range(1, 6))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str) -> Path:
    """Where the commands run, with a task in it; the store is empty."""
    path = tmp_path / "work"
    path.mkdir()
    write_task(path)
    (path / "runs.csv").write_text(TABLE)
    monkeypatch.chdir(path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return path


def stored() -> tuple[Study, ...]:
    return read_studies(os.environ["MLFLOW_TRACKING_URI"], "warmtune").studies


@pytest.fixture
def tuner(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command; its exit code, what it printed and the faults it told."""

    def run(line: str) -> tuple[int, str, str]:
        code = main(shlex.split(line))
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return run


@pytest.fixture
def imported(tuner: Any) -> Any:
    """Imports for the task and gives the result as an object."""

    def run(line: str) -> Any:
        code, out, err = tuner(f"history import {line} --task task.yaml --json")
        assert (code, err) == (0, "")
        return json.loads(out)

    return run


def test_a_warm_start_sees_what_was_imported_at_once(imported: Any) -> None:
    told = imported("runs.csv --dataset wine")
    (study,) = told["studies"]
    assert study["trials"] == {"completed": 5}
    config = load("task.yaml", [Override("warm_start.starter", "false")])
    past = read_past(config, RunOptions())
    assert [(source.id, source.trials) for source in past.sources] == [(study["study"], 5)]
    (read,) = read_studies(default_tracking_uri(), config.tracking.experiment).studies
    assert [trial.value for trial in read.trials] == [1 / n for n in range(1, 6)]
    assert any(study["study"] in point.sources for point in past.points)


def test_what_was_imported_is_listed_and_shown(imported: Any, tuner: Any) -> None:
    id = imported("runs.csv")["studies"][0]["study"]
    _, listed, _ = tuner("history list --json")
    (row,) = json.loads(listed)["studies"]
    assert (row["study"], row["task"], row["arm"], row["best"]) == (
        id,
        "runs-trees",
        "imported",
        0.2,
    )
    code, shown, _ = tuner(f"history show {id}")
    assert code == 0
    assert "learning_rate=0.1" in shown


@pytest.mark.parametrize("source", ["optuna", "journal", "ray", "wandb", "csv", "frame", "mlflow"])
def test_importing_twice_adds_nothing(
    source: str, folder: Path, imported: Any, tmp_path: Path
) -> None:
    line = make(source, folder, tmp_path)
    first, second = imported(line), imported(line)
    written = [study["written"] for study in first["studies"]]
    assert written
    assert all(written)
    assert [study["written"] for study in second["studies"]] == [0] * len(written)
    assert first["kind"] == {"journal": "optuna", "csv": "table", "frame": "table"}.get(
        source, source
    )
    assert len(stored()) == len(written)


def make(source: str, folder: Path, tmp_path: Path) -> str:
    """A source of that kind, and how it is imported."""
    match source:
        case "optuna":
            fill(f"sqlite:///{folder / 'study.db'}")
            return "study.db"
        case "journal":
            import optuna

            backend = optuna.storages.journal.JournalFileBackend("study.log")
            fill(optuna.storages.JournalStorage(backend))
            return "study.log"
        case "ray":
            for n in range(3):
                write_ray_trial(folder / "results" / "exp", n, [0.9, 0.5 + n / 10])
            return "results --metric loss"
        case "wandb":
            (folder / "runs.csv").write_text(WANDB)
        case "frame":
            (folder / "runs.csv").write_text(OPTUNA)
        case "mlflow":
            return mlflow_store(tmp_path / "theirs.db")
    return "runs.csv"


def mlflow_store(path: Path) -> str:
    from tuner.tracking.store import connect

    client = connect(f"sqlite:///{path}")
    run = client.create_run(client.create_experiment("theirs")).info.run_id
    client.log_param(run, "lr", "0.1")
    client.log_metric(run, "rmse", 0.5)
    client.set_terminated(run)
    return f"sqlite:///{path}"


def test_a_dry_run_shows_the_mapping_and_touches_nothing(tuner: Any, store: Path) -> None:
    before = store.read_bytes()
    code, out, _ = tuner("history import runs.csv --task task.yaml --dry-run")
    assert code == 0
    assert "max_depth      depth   x\n" in out
    assert "5 trials in 1 study would be imported" in out
    assert store.read_bytes() == before


def test_another_mapping_replaces_the_first(imported: Any) -> None:
    imported("runs.csv --map subsample=depth:0.1")
    assert len(stored()[0].trials) == 1
    told = imported("runs.csv")
    (study,) = stored()
    assert told["studies"][0]["study"] == study.id
    assert [trial.config["max_depth"] for trial in study.trials] == [1, 2, 3, 4, 5]


def test_a_source_that_grew_adds_what_is_new(folder: Path, imported: Any) -> None:
    imported("runs.csv")
    (folder / "runs.csv").write_text(TABLE + "0.6,6,0.1\n")
    assert imported("runs.csv")["studies"][0]["written"] == 1
    assert len(stored()[0].trials) == 6


def test_scales_and_a_turned_metric_are_used(folder: Path, imported: Any) -> None:
    (folder / "logs.csv").write_text("log_lr,score\n-2,-50\n-1,-40\n")
    imported(
        "logs.csv --map learning_rate=log_lr:log10 --metric score:-0.01 --mode max --dataset d"
    )
    (study,) = stored()
    assert [trial.config["learning_rate"] for trial in study.trials] == [0.01, 0.1]
    assert [trial.value for trial in study.trials] == [0.5, 0.4]


def test_markup_and_control_characters_stay_text(folder: Path, tuner: Any, imported: Any) -> None:
    name = "<script>\u202e" + "x" * 300
    (folder / "runs.csv").write_text(f'study,lr,rmse\n"{name}",0.1,0.5\n')
    imported("runs.csv")
    _, out, _ = tuner("history import runs.csv --task task.yaml")
    assert "\u202e" not in out
    assert "x" * 250 not in out


# Export


def test_what_was_exported_the_next_person_imports_exactly(
    imported: Any, tuner: Any, tmp_path: Path, uri: str
) -> None:
    imported("runs.csv")
    imported("runs.csv --dataset other")
    code, out, _ = tuner("history export past.parquet")
    assert (code, out) == (0, "10 trials of 2 studies in past.parquet\n")
    exported = read_archive(Path("past.parquet"))
    assert tuple(exported) == read_studies(uri, "warmtune").studies
    theirs = f"sqlite:///{tmp_path / 'next.db'}"
    for new in (10, 0):
        code, out, _ = tuner(f"history import past.parquet --tracking-uri {theirs}")
        assert code == 0
        assert f"10 trials in 2 studies, {new} of them new" in out
    assert read_studies(theirs, "warmtune").studies == tuple(exported)
    assert tuner("history import past.parquet")[1].count("0 of them new") == 1


def test_the_studies_of_one_task_are_exported_and_imported(
    imported: Any, tuner: Any, tmp_path: Path
) -> None:
    imported("runs.csv --dataset wine")
    imported("runs.csv --dataset other")
    for name in ("task.yaml", "wine-trees"):
        _, out, _ = tuner(f"history export one.parquet --task {name} --json")
        assert json.loads(out)["studies"] == 1
    tuner("history export all.parquet")
    theirs = f"sqlite:///{tmp_path / 'next.db'}"
    tuner(f"history import all.parquet --task task.yaml --tracking-uri {theirs}")
    (study,) = read_studies(theirs, "warmtune").studies
    assert study.task.id == "wine-trees"


def test_an_import_into_another_experiment_stays_there(imported: Any, uri: str) -> None:
    imported("runs.csv --set tracking.experiment=mine")
    assert not stored()
    assert len(read_studies(uri, "mine").studies) == 1


# What is wrong


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("import", 2, "SOURCE"),
        ("import runs.csv", 2, "--task: what are the trials of runs.csv for? Name a task"),
        ("import runs.csv --task tsk.yaml", 2, "no such file 'tsk.yaml'. Did you mean task.yaml?"),
        ("import runs.csv --set seed=1", 2, "--set: whose? Name the task with --task."),
        ("import rns.csv --task task.yaml", 2, "'rns.csv'. Did you mean runs.csv?"),
        ("import runs.csv --task task.yaml --from csv", 2, "unknown kind 'csv'"),
        ("import runs.csv --task task.yaml --study x", 2, "no study 'x' in runs.csv. Known: runs."),
        ("import runs.csv --task task.yaml --dataset a/b", 2, "got 'a/b'. Write e.g. my-data."),
        ("import runs.csv --task task.yaml --metric rms", 2, "Did you mean rmse?"),
        ("import runs.csv --task task.yaml --mode up", 2, "max or min expected, got 'up'"),
        ("import runs.csv --task task.yaml --map lr", 2, "OURS=THEIRS expected, got 'lr'"),
        ("import runs.csv --task task.yaml --map kind=kin", 2, "no parameter 'kin' there. Known"),
        ("import runs.csv --task task.yaml --from optuna", 2, "runs.csv: no journal of Optuna"),
        ("import runs.csv --task task.yaml --from archive", 2, "cannot be read as Parquet"),
        ("import ftp://x --task task.yaml", 2, "got 'ftp://x'"),
        ("import {closed} --task task.yaml", 3, "refused. Start it, or name another source."),
        ("import runs.csv --task task.yaml --tracking-uri {closed}", 3, "Mend it, then import"),
        ("import runs.csv --task task.yaml --tracking-uri ./mlruns", 2, "'./mlruns'"),
        ("export past.csv", 2, "a name that ends in .parquet expected. Write past.csv.parquet"),
        ("export past.parquet", 2, "there is no past study yet. `tuner run` or"),
        ("export past.parquet --tracking-uri {closed}", 3, "history unavailable"),
    ],
)
def test_wrong_input_is_told_and_nothing_is_written(
    tuner: Any, folder: Path, line: str, code: int, words: str
) -> None:
    before = sorted(folder.iterdir())
    result, out, err = tuner("history " + line.format(closed=closed_port()))
    assert (result, out) == (code, "")
    assert err.startswith("tuner: error: ")
    assert words in err
    assert sorted(folder.iterdir()) == before
    assert not stored()


def test_an_export_of_a_task_without_studies_is_told(imported: Any, tuner: Any) -> None:
    imported("runs.csv --dataset wine")
    code, _, err = tuner("history export past.parquet --task wine-tree")
    assert code == 2
    assert "no past study of 'wine-tree'. Did you mean wine-trees?" in err


def test_what_cannot_be_learned_from_is_refused_and_that_is_no_error(
    folder: Path, imported: Any
) -> None:
    (folder / "runs.csv").write_text("lr,rmse\n5,0.5\n6,0.5\n")
    told = imported("runs.csv")
    assert told["studies"][0]["study"] is None
    assert [reason["times"] for reason in told["refused"]] == [2, 1]
