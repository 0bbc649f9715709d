"""The records: a study is the result of a run and, for the next run, the unit of history."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from meta.space import Config, SearchSpace

FORMAT_VERSION = 1


class TrialState(StrEnum):
    """Where a trial stands; every state but RUNNING is final."""

    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    STOPPED = "STOPPED"
    DIVERGED = "DIVERGED"
    FAILED = "FAILED"

    @property
    def trained(self) -> bool:
        """Whether it was trained to its end, or as long as that was worth it."""
        return self in (TrialState.COMPLETED, TrialState.STOPPED)

    @property
    def failed(self) -> bool:
        """Whether nothing came of it."""
        return self in (TrialState.DIVERGED, TrialState.FAILED)


@dataclass(frozen=True, slots=True)
class Task:
    """A data set and a model: the unit that is tuned."""

    dataset: str
    model: str

    @property
    def id(self) -> str:
        """The name on the command line, e.g. ``wine-quality-xgboost``."""
        return f"{self.dataset}-{self.model}"


@dataclass(frozen=True, slots=True)
class Metric:
    """What is measured, whether ``max`` or ``min`` is better, and the values it can take."""

    name: str
    mode: str
    low: float = -math.inf
    high: float = math.inf

    def problem(self, value: float) -> str | None:
        """Why ``value`` cannot be a value of this metric, or None."""
        if not math.isfinite(value):
            return f"{self.name} is {value}"
        if not self.low <= value <= self.high:
            return f"{self.name} {value:g} is outside [{self.low:g}, {self.high:g}]"
        return None

    def loss(self, value: float) -> float:
        """The value turned so that smaller is better."""
        return -value if self.mode == "max" else value

    def to_json(self) -> dict[str, Any]:
        """A JSON object that ``from_json`` reads back; open ends are null."""
        low = self.low if math.isfinite(self.low) else None
        high = self.high if math.isfinite(self.high) else None
        return {"name": self.name, "mode": self.mode, "low": low, "high": high}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Metric":
        """Read what ``to_json`` wrote."""
        low, high = data.get("low"), data.get("high")
        return cls(
            str(data["name"]),
            str(data["mode"]),
            -math.inf if low is None else float(low),
            math.inf if high is None else float(high),
        )


@dataclass(frozen=True, slots=True)
class Measurement:
    """One report of a trial.

    ``seconds`` is the training time of the trial so far. ``config`` holds the parameters, if any,
    with which a full training would give ``value``: a boosting run of 800 rounds that was best
    after 430 reports ``{"n_estimators": 430}``.
    """

    step: int
    value: float
    seconds: float
    metrics: dict[str, float] = field(default_factory=dict)
    config: Config = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A JSON object that ``from_json`` reads back."""
        return {
            "step": self.step,
            "value": self.value,
            "seconds": self.seconds,
            "metrics": self.metrics,
            "config": self.config,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Measurement":
        """Read what ``to_json`` wrote; raises ``ValueError`` for a value of another type."""
        return cls(
            int(data["step"]),
            float(data["value"]),
            float(data["seconds"]),
            {str(name): float(value) for name, value in data["metrics"].items()},
            _config(data["config"]),
        )


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration tried. ``origin`` says who proposed it, ``reason`` why it ended early.

    ``trust`` is how far the past was trusted in that, in [0, 1]: 0 where it had no say, None where
    it was not asked.
    """

    id: int
    config: Config
    state: TrialState = TrialState.RUNNING
    measurements: tuple[Measurement, ...] = ()
    reason: str = ""
    origin: str = ""
    seed: int = 0
    seconds: float = 0.0
    trust: float | None = None

    @property
    def value(self) -> float | None:
        """The last measured value; None if nothing was measured."""
        return self.measurements[-1].value if self.measurements else None

    @property
    def step(self) -> int:
        """The last measured step; 0 if nothing was measured."""
        return self.measurements[-1].step if self.measurements else 0

    @property
    def trained_seconds(self) -> float:
        """How long the trial had trained at its last measurement; 0 if nothing was measured."""
        return self.measurements[-1].seconds if self.measurements else 0.0

    @property
    def recommended(self) -> Config:
        """The configuration whose full training has ``value``."""
        return {**self.config, **self.measurements[-1].config} if self.measurements else self.config

    def to_json(self) -> dict[str, Any]:
        """A JSON object that ``from_json`` reads back."""
        return {
            "id": self.id,
            "config": self.config,
            "state": str(self.state),
            "measurements": [measurement.to_json() for measurement in self.measurements],
            "reason": self.reason,
            "origin": self.origin,
            "seed": self.seed,
            "seconds": self.seconds,
            "trust": self.trust,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Trial":
        """Read what ``to_json`` wrote; raises ``ValueError`` for a value of another type."""
        return cls(
            id=int(data["id"]),
            config=_config(data["config"]),
            state=TrialState(data["state"]),
            measurements=tuple(Measurement.from_json(fields) for fields in data["measurements"]),
            reason=str(data["reason"]),
            origin=str(data["origin"]),
            seed=int(data["seed"]),
            seconds=float(data["seconds"]),
            trust=None if data.get("trust") is None else float(data["trust"]),
        )


def _config(data: Mapping[str, Any]) -> Config:
    for name, value in data.items():
        if not isinstance(value, float | int | str):
            raise ValueError(f"{name}: number, text or true/false expected, got {value!r}")
    return dict(data)


@dataclass(frozen=True)
class Study:
    """The trials of one task with one seed, and what the next study must know of them.

    ``arm`` is ``warm``, ``cold`` or ``imported``; ``features`` are meta-features of the data set;
    ``fingerprint`` names data, split and target, so that only equal ones are compared.
    """

    id: str
    task: Task
    space: SearchSpace
    metric: Metric
    seed: int
    arm: str
    trials: Sequence[Trial] = ()
    features: dict[str, float] = field(default_factory=dict)
    fingerprint: str = ""

    @property
    def best(self) -> Trial | None:
        """The completed trial with the best value; None if no trial completed."""
        completed = [trial for trial in self.trials if trial.state is TrialState.COMPLETED]
        return min(completed, key=self._loss, default=None)

    @property
    def ranking(self) -> tuple[Trial, ...]:
        """The completed trials, best first."""
        completed = (trial for trial in self.trials if trial.state is TrialState.COMPLETED)
        return tuple(sorted(completed, key=self._loss))

    def _loss(self, trial: Trial) -> float:
        return math.inf if trial.value is None else self.metric.loss(trial.value)

    def with_trials(self, trials: Sequence[Trial]) -> "Study":
        """The same study with other trials."""
        return replace(self, trials=trials)

    def to_json(self) -> dict[str, Any]:
        """A JSON object that ``from_json`` reads back."""
        return {
            "version": FORMAT_VERSION,
            "id": self.id,
            "task": {"dataset": self.task.dataset, "model": self.task.model},
            "space": self.space.to_json(),
            "metric": self.metric.to_json(),
            "seed": self.seed,
            "arm": self.arm,
            "trials": [trial.to_json() for trial in self.trials],
            "features": self.features,
            "fingerprint": self.fingerprint,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Study":
        """Read what ``to_json`` wrote; raises ``ValueError`` for another version."""
        if data.get("version") != FORMAT_VERSION:
            raise ValueError(f"study format {data.get('version')!r}, this reads {FORMAT_VERSION}")
        return cls(
            id=str(data["id"]),
            task=Task(**data["task"]),
            space=SearchSpace.from_json(data["space"]),
            metric=Metric.from_json(data["metric"]),
            seed=int(data["seed"]),
            arm=str(data["arm"]),
            trials=tuple(Trial.from_json(trial) for trial in data["trials"]),
            features={str(name): float(value) for name, value in data["features"].items()},
            fingerprint=str(data["fingerprint"]),
        )
