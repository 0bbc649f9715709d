"""What can happen in a study, and how the trials follow from it: one function folds the events."""

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from meta.space import Config
from meta.study import Measurement, Trial, TrialState
from tuner import earlier
from tuner.usage import Usage


class Memory(StrEnum):
    """What a trial may lack."""

    GPU = "gpu"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class Started:
    """A trial was handed out: to be run, or to be run again after an interruption."""

    trial: int
    config: Config
    origin: str
    seed: int
    trust: float | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """A trial reported a measurement."""

    trial: int
    measurement: Measurement


@dataclass(frozen=True, slots=True)
class Ended:
    """A trial reached a final state after ``seconds`` of training, for want of memory or not."""

    trial: int
    state: TrialState
    reason: str = ""
    seconds: float = 0.0
    lacked: Memory | None = None


@dataclass(frozen=True, slots=True)
class Allotted:
    """A session took the study up: what each trial gets, and what the machines have.

    ``gpu`` is the share asked for, ``gpus`` how many there are, ``gpu_bytes`` the memory of the
    smallest; ``mps`` tells whether NVIDIA's MPS serves them, or why not (empty: nothing to share).
    """

    cpu: float
    gpu: float | str
    concurrency: int
    gpus: float = 0.0
    gpu_name: str = ""
    gpu_bytes: int = 0
    mps: str = ""


@dataclass(frozen=True, slots=True)
class Used:
    """What a trial (None: the final fit) used since the last such event.

    ``predicted_bytes`` is the peak of GPU memory that was expected; 0 where nothing could be.
    """

    trial: int | None
    usage: Usage
    predicted_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Requeued:
    """A trial ran out of GPU memory and is to be run again, unchanged, with the share ``gpu``."""

    trial: int
    gpu: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """The study is over; nothing follows but a final fit."""

    reason: str
    gpu_hours: float = 0.0


@dataclass(frozen=True, slots=True)
class FinalFit:
    """The best configuration was trained with a seed and measured on the test data.

    ``seed`` None is the study's own: a journal did not say so before there were several.
    """

    config: Config
    value: float
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    seed: int | None = None


Event = Started | Measured | Ended | Finished | FinalFit | Allotted | Used | Requeued


KINDS: dict[str, type[Event]] = {
    "started": Started,
    "measured": Measured,
    "ended": Ended,
    "finished": Finished,
    "tested": FinalFit,
    "allotted": Allotted,
    "used": Used,
    "requeued": Requeued,
}
NAMES = {kind: name for name, kind in KINDS.items()}


def write_event(event: Event) -> tuple[str, dict[str, Any]]:
    """The kind of an event and its fields, as JSON can hold them."""
    return NAMES[type(event)], asdict(event)


def read_event(kind: str, body: dict[str, Any]) -> Event:
    """Read what ``write_event`` wrote; raises ``KeyError``, ``TypeError`` or ``ValueError``."""
    body = earlier.event(kind, body)
    if kind == "measured":
        body["measurement"] = Measurement.from_json(body["measurement"])
    elif kind == "ended":
        lacked = body.get("lacked")
        body |= {"state": TrialState(body["state"]), "lacked": lacked and Memory(lacked)}
    elif kind == "used":
        body["usage"] = Usage.from_json(body["usage"])
    return KINDS[kind](**body)


def fold(trials: dict[int, Trial], event: Event) -> None:
    """Apply one event to the trials; steps that repeat or go back change nothing."""
    match event:
        case Started(trial, config, origin, seed, trust):
            new = Trial(trial, config, origin=origin, seed=seed, trust=trust)
            trials.setdefault(trial, new)
        case Measured(trial, measurement):
            old = trials[trial]
            if measurement.step > old.step:
                trials[trial] = replace(old, measurements=(*old.measurements, measurement))
        case Ended(trial, state, reason, seconds):
            trials[trial] = replace(trials[trial], state=state, reason=reason, seconds=seconds)
