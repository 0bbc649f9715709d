"""Final models in MLflow: logged on the run of their study and registered under its task.

There is one version for each study, found again by the study's run; each step looks at what is
there first, so that one that was cut short is completed and writing twice changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from meta.study import Study
from trainables import MODULES, served
from tuner.rundir import CARD_FILE, MODEL_FOLDER
from tuner.tracking.records import METRIC, STUDY, model_name

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel, Run
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.models import ModelSignature
    from mlflow.tracking import MlflowClient

ALIAS = "best"
MODEL = "warmtune.model"
"""A tag of the study's run: the version that its model is, once all is done."""
VALUE = "warmtune.value"
SYNTHETIC = "warmtune.synthetic"
DESCRIPTION_LENGTH = 5000
"""What MLflow's database takes."""


@dataclass(frozen=True)
class KeptModel:
    """The model of a study in its run directory, kept by the built-in trainable ``trainable``.

    ``requirements`` are what loading it needs, as pip has them.
    """

    folder: Path
    study: Study
    trainable: str
    requirements: list[str]
    synthetic: bool

    @property
    def card(self) -> str:
        """The model card, as far as MLflow takes it."""
        file = self.folder / CARD_FILE
        return file.read_text(encoding="utf-8")[:DESCRIPTION_LENGTH] if file.is_file() else ""

    @property
    def tags(self) -> dict[str, str]:
        """What a version says of itself; ``VALUE`` is the best value on validation data."""
        best, metric = self.study.best, self.study.metric
        return {
            STUDY: self.study.id,
            METRIC: f"{metric.name} ({metric.mode})",
            VALUE: repr(best.value) if best else "",
            SYNTHETIC: str(self.synthetic),
        }


def kept_model(directory: Path, study: Study, header: Mapping[str, Any]) -> KeptModel | None:
    """The model that a run directory holds; None without one, or of a user's own trainable."""
    config, folder = header.get("config", {}), directory / MODEL_FOLDER
    trainable = config.get("trainable", "")
    if trainable not in MODULES or not folder.is_dir():
        return None
    versions = header.get("versions", {})
    requirements = [f"{name}=={version.partition('+')[0]}" for name, version in versions.items()]
    return KeptModel(folder, study, trainable, requirements, bool(config.get("synthetic")))


def publish(client: "MlflowClient", run_id: str, kept: KeptModel) -> str:
    """Log and register the model unless that was done; ``models:/NAME/VERSION``.

    Raises what MLflow raises. A version that somebody deleted since is not made again.
    """
    run, name = client.get_run(run_id), model_name(kept.study.task.id)
    if done := run.data.tags.get(MODEL):
        return str(done)
    version = _registered(client, run_id, name) or _register(client, run, name, kept)
    if _is_better(kept, _best(client, name)):
        client.set_registered_model_alias(name, ALIAS, version.version)
    uri = f"models:/{name}/{version.version}"
    client.set_tag(run_id, MODEL, uri)
    return uri


def _registered(client: "MlflowClient", run_id: str, name: str) -> "ModelVersion | None":
    found = client.search_model_versions(f"name = '{name}' and run_id = '{run_id}'")
    return found[0] if found else None


def _register(client: "MlflowClient", run: "Run", name: str, kept: KeptModel) -> "ModelVersion":
    model, run_id = _logged(client, run, name, kept), run.info.run_id
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    source = model.artifact_location  # models:/ID would be looked for in MLflow's global store
    return client.create_model_version(
        name, source, run_id, kept.tags, description=kept.card, model_id=model.model_id
    )


def _logged(client: "MlflowClient", run: "Run", name: str, kept: KeptModel) -> "LoggedModel":
    """The model on the study's run, complete: one that an earlier try began is gone on with."""
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus

    experiment_id, run_id = run.info.experiment_id, run.info.run_id
    begun = client.search_logged_models([experiment_id], f"source_run_id = '{run_id}'")
    model = begun[0] if begun else client.create_logged_model(experiment_id, name, run_id)
    if model.status != LoggedModelStatus.READY:
        with TemporaryDirectory(prefix="warmtune-") as scratch:
            _save(Path(scratch) / "model", kept, model)
            client.log_model_artifacts(model.model_id, str(Path(scratch) / "model"))
        client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
        model = client.finalize_logged_model(model.model_id, "READY")
    return model


def _save(path: Path, kept: KeptModel, model: "LoggedModel") -> None:
    """Lay the kept files out as MLflow's generic flavour, which loads them by ``served``."""
    from mlflow import pyfunc
    from mlflow.models import Model

    example = served.example(kept.folder)
    pyfunc.save_model(
        path,
        loader_module=served.__name__,
        data_path=str(kept.folder),
        model_config={served.TRAINABLE: kept.trainable},
        mlflow_model=Model(run_id=model.source_run_id, model_id=model.model_id),
        signature=_signature(kept, example),
        input_example=example,
        pip_requirements=kept.requirements,
    )


def _signature(kept: KeptModel, example: Any) -> "ModelSignature | None":
    from mlflow.models import infer_signature

    if example is None:
        return None
    return infer_signature(example, served.Served(kept.folder, kept.trainable).predict(example))


def _best(client: "MlflowClient", name: str) -> "ModelVersion | None":
    holder = client.get_registered_model(name).aliases.get(ALIAS)
    return None if holder is None else client.get_model_version(name, holder)


def _is_better(kept: KeptModel, holder: "ModelVersion | None") -> bool:
    """Whether the alias goes to ``kept``: real data before generated, then the validation value.

    Without a value of the same metric to compare with, the newest is taken. The test value chooses
    nothing.
    """
    if holder is None or holder.tags.get(METRIC) != kept.tags[METRIC]:
        return True
    if holder.tags.get(SYNTHETIC) != kept.tags[SYNTHETIC]:
        return not kept.synthetic
    loss = kept.study.metric.loss
    return loss(float(kept.tags[VALUE])) < loss(float(holder.tags[VALUE]))
