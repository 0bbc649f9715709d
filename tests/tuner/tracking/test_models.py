"""The final model in MLflow: one version a study, found again, and good to be asked."""

import pickletools
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from meta.study import Study
from tests.tuner.tracking.journals import HEADER, study, trial_events
from trainables import toy
from tuner.changes import versions
from tuner.events import Event, FinalFit, Finished
from tuner.journal import Journal
from tuner.rundir import MODEL_FOLDER
from tuner.tracking import models
from tuner.tracking.projection import Projection

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

NAME = "wine-trees"


def run_directory(folder: Path, value: float = 0.5, fits: int = 2, **config: Any) -> Path:
    """A study named after the folder, its best validation ``value``, with a kept toy model."""
    folder.mkdir()
    config = {**HEADER["config"], "trainable": "toy", "final": {"seeds": 2}, **config}
    header = {**HEADER, "config": config, "versions": versions()}
    journal = Journal.create(folder, study(folder.name), header)
    tests = [FinalFit({"rate": 0.5}, 0.45, {}, 1.0, seed) for seed in (3, 4)[:fits]]
    events: list[Event] = [*trial_events(0, value), Finished("done"), *tests]
    journal.append(*events)
    journal.close()
    (folder / MODEL_FOLDER).mkdir()
    toy._keep_model({"x": 0.2, "y": 0.6}, folder / MODEL_FOLDER)
    return folder


def project(directory: Path, uri: str) -> str | None:
    projection = Projection(directory, uri, "warmtune")
    projection.update(last=True)
    projection.close()
    return projection.model


def is_pickled(file: Path) -> bool:
    """Whether the file is a pickle, of whatever name."""
    try:
        return len([*pickletools.genops(file.read_bytes())]) > 0
    except (ValueError, UnicodeDecodeError):
        return False


def registered(client: "MlflowClient") -> "list[ModelVersion]":
    return sorted(client.search_model_versions(f"name = '{NAME}'"), key=lambda v: int(v.version))


def best(client: "MlflowClient") -> str:
    return str(client.get_registered_model(NAME).aliases["best"])


@pytest.fixture
def load_model(monkeypatch: pytest.MonkeyPatch, uri: str, client: "MlflowClient") -> Any:
    """Loads a model by its URI, as a user does."""
    from mlflow import pyfunc

    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return pyfunc.load_model


def test_the_model_is_on_the_studys_run_and_answers_as_the_kept_one(
    tmp_path: Path, uri: str, client: "MlflowClient", load_model: Any
) -> None:
    assert project(run_directory(tmp_path / "s1"), uri) == f"models:/{NAME}/1"
    (version,) = registered(client)
    run = client.get_run(version.run_id)
    assert run.data.tags["warmtune.study"] == "s1"
    (output,) = run.outputs.model_outputs
    assert client.get_logged_model(output.model_id).artifact_location == version.source
    model = load_model(f"models:/{NAME}@best")
    assert [column.name for column in model.metadata.signature.inputs] == ["x", "y"]
    example = model.input_example
    assert model.predict(example) == pytest.approx([0.02, 0.2])
    files = [path for path in Path(version.source).rglob("*") if path.is_file()]
    assert len(files) >= 8
    assert not any(map(is_pickled, files))


def test_a_resume_or_second_finalize_adds_no_version(
    tmp_path: Path, uri: str, client: "MlflowClient"
) -> None:
    directory = run_directory(tmp_path / "s1")
    assert project(directory, uri) == project(directory, uri)
    assert len(registered(client)) == 1


@pytest.mark.parametrize(
    "lost",
    ["log_model_artifacts", "finalize_logged_model", "create_model_version", "set_tag"],
)
def test_an_answer_that_is_lost_leaves_one_model_and_one_version(
    tmp_path: Path, uri: str, client: "MlflowClient", monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    from mlflow.tracking import MlflowClient as Client

    directory, call = run_directory(tmp_path / "s1"), getattr(Client, lost)

    def arrive_and_fail(*arguments: Any, **options: Any) -> None:
        call(*arguments, **options)
        raise ConnectionError("lost")

    with monkeypatch.context() as patch:
        patch.setattr(Client, lost, arrive_and_fail)
        with pytest.raises(ConnectionError):
            project(directory, uri)
    assert project(directory, uri) == f"models:/{NAME}/1"
    (version,) = registered(client)
    run = client.get_run(version.run_id)
    assert len(client.search_logged_models([run.info.experiment_id])) == 1
    assert (best(client), len(run.outputs.model_outputs)) == ("1", 1)


def test_the_alias_goes_to_the_best_validation_value_and_from_generated_data_to_real(
    tmp_path: Path, uri: str, client: "MlflowClient"
) -> None:
    holders = []
    for id, value, synthetic in [("s1", 0.1, True), ("s2", 0.5, False), ("s3", 0.4, False)]:
        project(run_directory(tmp_path / id, value, synthetic=synthetic), uri)
        holders.append(best(client))
    project(run_directory(tmp_path / "s4", 0.45), uri)
    project(run_directory(tmp_path / "s5", 0.0, synthetic=True), uri)
    assert [*holders, best(client)] == ["1", "2", "3", "3"]


@pytest.mark.parametrize("why", ["no model", "own trainable", "a seed left"])
def test_nothing_is_registered_where_there_is_nothing_to(
    tmp_path: Path, uri: str, client: "MlflowClient", why: str
) -> None:
    directory = run_directory(
        tmp_path / "s1",
        fits=1 if why == "a seed left" else 2,
        trainable="mine.module:train" if why == "own trainable" else "toy",
    )
    if why == "no model":
        (directory / MODEL_FOLDER).rename(tmp_path / "elsewhere")
    assert project(directory, uri) is None
    assert not registered(client)


def test_a_build_of_pytorch_is_required_by_its_public_version(tmp_path: Path) -> None:
    header = {"config": {"trainable": "toy"}, "versions": {"torch": "2.15.0+cpu"}}
    (tmp_path / MODEL_FOLDER).mkdir()
    kept = models.kept_model(tmp_path, study("a"), header)
    assert kept is not None
    assert kept.requirements == ["torch==2.15.0"]


def test_a_name_that_separates_in_a_uri_is_written_differently() -> None:
    named: Study = study()
    odd = replace(named, task=replace(named.task, dataset="user/set"))
    assert models.model_name(odd.task.id) == "user_set-trees"
