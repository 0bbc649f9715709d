"""The configuration of a study: YAML and ``--set`` become a frozen ``StudyConfig``."""

from dataclasses import dataclass, field

from meta.space import SearchSpace
from meta.study import Metric, Task


@dataclass(frozen=True, slots=True)
class Budget:
    """What a study may use; the first limit that is reached ends it."""

    trials: int = 50
    time_seconds: float | None = None
    gpu_hours: float = 168.0
    max_steps: int = 10
    grace_steps: int = 1
    reduction_factor: int = 3


@dataclass(frozen=True, slots=True)
class Resources:
    """What one trial occupies, and how many run at once (None: as many as fit)."""

    cpu: float = 1
    gpu: float | str = "auto"
    concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class WarmStart:
    """How many configurations are recommended from the past."""

    points: int = 5


@dataclass(frozen=True, slots=True)
class Tracking:
    """Where the MLflow store is (None: in ``$TUNER_HOME``) and the experiment's name."""

    uri: str | None = None
    experiment: str = "warmtune"


@dataclass(frozen=True)
class StudyConfig:
    """Everything that defines a study; two equal ones are the same experiment."""

    task: Task
    trainable: str
    metric: Metric
    space: SearchSpace
    split: str = "random"
    synthetic: bool = False
    seed: int = 0
    sampler: str = "tpe"
    budget: Budget = field(default_factory=Budget)
    resources: Resources = field(default_factory=Resources)
    warm_start: WarmStart = field(default_factory=WarmStart)
    tracking: Tracking = field(default_factory=Tracking)
