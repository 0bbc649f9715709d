"""The configuration of a study and how it is run; ``tuner.config_reader`` reads it from YAML."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from meta.space import SearchSpace
from meta.study import Metric, Task


@dataclass(frozen=True, slots=True)
class Model:
    """What a task sets for all its trials; None leaves it to the trainable.

    ``checkpoint`` is an absolute path once it is read from a file.
    """

    init: str | None = None
    checkpoint: str | None = None
    flip: bool | None = None
    crop: int | None = None
    rotation: float | None = None
    early_stopping: int | None = None

    @property
    def given(self) -> dict[str, Any]:
        """What is set, by name: the ``options`` of a trainable's context."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Budget:
    """What a study may use; the first limit that is reached ends it.

    ``step_timeout_seconds`` limits no study: a trial that is silent for so long is ended.
    """

    trials: int = 50
    time_seconds: float | None = None
    gpu_hours: float = 168.0
    max_steps: int = 10
    grace_steps: int = 1
    reduction_factor: int = 3
    step_timeout_seconds: float = 7200


@dataclass(frozen=True, slots=True)
class Resources:
    """What one trial occupies, and how many run at once (None: as many as fit).

    ``gpu_memory`` is how many GB of each GPU trials may fill together (None: all of it).
    """

    cpu: float = 1
    gpu: float | str = "auto"
    concurrency: int | None = None
    gpu_memory: float | None = None


@dataclass(frozen=True, slots=True)
class WarmStart:
    """How many configurations are recommended, and whether the starter history may speak."""

    points: int = 5
    starter: bool = True


@dataclass(frozen=True, slots=True)
class Tracking:
    """Where the MLflow store is (None: in ``$TUNER_HOME``) and the experiment's name."""

    uri: str | None = None
    experiment: str = "warmtune"


@dataclass(frozen=True, slots=True)
class Final:
    """With how many seeds the best configuration is trained and tested after the search."""

    seeds: int = 3


@dataclass(frozen=True)
class StudyConfig:
    """Everything that defines a study; two equal ones are the same experiment.

    ``code`` is the folder in which the module of a user's ``trainable`` is looked for first.
    """

    task: Task
    trainable: str
    metric: Metric
    space: SearchSpace
    split: str = "random"
    synthetic: bool = False
    seed: int = 0
    sampler: str = "meta-gp"
    model: Model = field(default_factory=Model)
    budget: Budget = field(default_factory=Budget)
    resources: Resources = field(default_factory=Resources)
    warm_start: WarmStart = field(default_factory=WarmStart)
    tracking: Tracking = field(default_factory=Tracking)
    final: Final = field(default_factory=Final)
    code: str | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON object that ``from_json`` reads back."""
        return {**asdict(self), "metric": self.metric.to_json(), "space": self.space.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "StudyConfig":
        """Read what ``to_json`` wrote; raises ``KeyError`` or ``TypeError`` for anything else."""
        parts = {name: part(**data.get(name, {})) for name, part in PARTS.items()}
        metric, space = Metric.from_json(data["metric"]), SearchSpace.from_json(data["space"])
        return cls(**{**data, **parts, "metric": metric, "space": space})


PARTS: dict[str, Any] = {
    "task": Task,
    "model": Model,
    "budget": Budget,
    "resources": Resources,
    "warm_start": WarmStart,
    "tracking": Tracking,
    "final": Final,
}


ARMS = ("tpe", "cold", "default", "warm")
"""Optuna's TPE, as Ray runs it without this program; the study's own sampler without any past; the
same with the default configuration first, as `tpe` has it; with the past. In this order, each is a
baseline of the later ones."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a study is run, beside what defines it.

    ``arm`` is one of ``ARMS``.
    ``history`` holds the stores to learn from (empty: the tracking store), ``known`` is a file of
    past studies to learn from in place of all stores. ``address`` is ``auto``, ``local`` or
    ``HOST:PORT``; ``out`` the run directory; ``repair`` lets a resume mend a damaged journal;
    ``command`` what to type for a warm run like this one.
    """

    arm: str = "warm"
    history: tuple[str, ...] = ()
    use_history: bool = True
    data_dir: Path | None = None
    address: str = "auto"
    out: Path | None = None
    finalize: bool = True
    quiet: bool = False
    json: bool = False
    allow_code: bool = False
    repair: bool = False
    known: Path | None = None
    command: str = ""
