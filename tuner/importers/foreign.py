"""What every source is read into: studies of somebody else, in that somebody's own words."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from meta.history import Refusal
from meta.study import TrialState

MOST_TRIALS = 100_000
"""More are not imported at once."""

STATES: dict[str, TrialState] = {
    **dict.fromkeys(("", "complete", "completed", "finished", "terminated"), TrialState.COMPLETED),
    **dict.fromkeys(("success", "succeeded", "done", "ok"), TrialState.COMPLETED),
    **dict.fromkeys(("pruned", "stopped", "killed", "early stopped"), TrialState.STOPPED),
    **dict.fromkeys(("fail", "failed", "error", "errored", "crashed"), TrialState.FAILED),
    **dict.fromkeys(("diverged", "nan"), TrialState.DIVERGED),
    **dict.fromkeys(("running", "waiting", "pending", "scheduled", "paused"), TrialState.RUNNING),
    **dict.fromkeys(("preempting", "preempted"), TrialState.RUNNING),
}
"""How Optuna, MLflow, Ray, W&B and we call how a trial ended; RUNNING are all that have not."""

CLOCK = re.compile(r"(?:(\d+) days? )?(\d+):(\d\d):(\d\d(?:\.\d+)?)")
UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
UNIT_WORDS = re.compile(r"(\d+(?:\.\d+)?) ?([dhms])")


class Reading(NamedTuple):
    """A metric at a step; ``seconds`` of training until then, NaN where nobody wrote them down."""

    step: int
    value: float
    seconds: float = math.nan


@dataclass(frozen=True)
class ForeignTrial:
    """A configuration that somebody tried; a mapping of metrics may fetch only what is asked."""

    id: int
    params: Mapping[str, object]
    state: TrialState
    metrics: Mapping[str, Sequence[Reading]]
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class ForeignStudy:
    """Trials that belong together.

    ``origin`` is the tool and ``place`` where the study lies, which tells it from others;
    ``objective`` is the metric that was tuned, and ``modes`` are the directions, where known.
    """

    name: str
    origin: str
    place: str
    trials: tuple[ForeignTrial, ...]
    objective: str | None = None
    modes: Mapping[str, str] = field(default_factory=dict)

    @property
    def params(self) -> list[str]:
        """The names of all parameters."""
        return list(dict.fromkeys(name for trial in self.trials for name in trial.params))

    @property
    def metrics(self) -> list[str]:
        """The names of all metrics."""
        return list(dict.fromkeys(name for trial in self.trials for name in trial.metrics))


class Found(NamedTuple):
    """The studies in a source, and what of it could not be read."""

    studies: Sequence[ForeignStudy]
    refused: Sequence[Refusal] = ()


def read_state(word: object) -> TrialState:
    """What a tool's word for a state means; raises ``ValueError`` for one that is not known."""
    text = re.sub(r"^.*\.|[-_]", " ", str(word or "")).strip().lower()
    if text not in STATES:
        raise ValueError(f"unknown state {str(word)[:60]!r}")
    return STATES[text]


def read_seconds(duration: object) -> float:
    """A duration in seconds, also one written ``1:02:03`` or ``1h 2m 3s``; 0 if it is none."""
    if isinstance(duration, int | float):
        return float(duration) if math.isfinite(duration) else 0.0
    text = str(duration or "").strip()
    if match := CLOCK.fullmatch(text):
        days, hours, minutes, seconds = match.groups(default="0")
        return int(days) * 86400 + int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    if parts := UNIT_WORDS.findall(text):
        return float(sum(float(number) * UNITS[unit] for number, unit in parts))
    return max(0.0, number(text)) if math.isfinite(number(text)) else 0.0


def number(value: object) -> float:
    """A value as a number, NaN if it is none."""
    try:
        return math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return math.nan


def flatten(tree: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Nested mappings as one, its keys joined by ``/``, as Ray joins them."""
    flat: dict[str, object] = {}
    pending: list[tuple[str, Mapping[str, object]]] = [(prefix, tree)]
    while pending:
        start, branch = pending.pop()
        for name, value in branch.items():
            if isinstance(value, Mapping):
                pending.append((f"{start}{name}/", value))
            else:
                flat[f"{start}{name}"] = value
    return flat


def listing(names: Iterable[str]) -> str:
    """Names in one line, the first twenty of them."""
    listed = list(names)
    more = f" and {len(listed) - 20} more" if len(listed) > 20 else ""
    return (", ".join(name[:60] for name in listed[:20]) or "none") + more
