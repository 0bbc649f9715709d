"""The keys of a configuration in one table: what each accepts, an example, what it means.

The reader, the command line's options and the reference are made from this table.
"""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tuner.home import tracking_uri
from tuner.strict_yaml import Node
from tuner.suggest import did_you_mean

FORMAT_VERSION = 1
MIN_GPU_HOURS, MAX_GPU_HOURS = 0.001, 168
UNITS = {"s": 1, "m": 60, "h": 3600}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
TRAINABLE = re.compile(r"[A-Za-z_][\w.]*(:[A-Za-z_]\w*)?", re.ASCII)
DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([smh])")
SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Rule:
    """What a value must be, in words and as a test, and how it is converted."""

    expected: str
    accepts: Callable[[object], bool]
    convert: Callable[[Any], Any] = lambda value: value


@dataclass(frozen=True, slots=True)
class Field:
    """A key with its rule; ``example`` is shown where the value is wrong or missing.

    ``attribute`` is its name in ``tuner.config`` where that says the unit.
    """

    key: str
    rule: Rule
    example: str
    meaning: str
    required: bool = False
    attribute: str = ""

    @property
    def section(self) -> str:
        """The first part of the key; empty at the top level."""
        return self.key.rpartition(".")[0]

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition(".")[2]

    def read(self, value: object) -> Any:
        """The converted value; raises ``ValueError`` with the rule and a way out."""
        if not self.rule.accepts(value):
            raise ValueError(
                f"{self.rule.expected} expected, got {show(value)}. Write e.g. {self.example}."
            )
        return self.rule.convert(value)


@dataclass(frozen=True, slots=True)
class Section:
    """A mapping of keys, shown by ``example`` where it is missing or no mapping."""

    example: str
    required: bool = False


def show(value: object) -> str:
    """A value as it is quoted in an error, cut to a readable length."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."


def is_number(value: object) -> bool:
    """Whether a value is a finite number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_whole(value: object) -> bool:
    """Whether a value is a whole number, also one written like ``1e3``."""
    return is_number(value) and value == int(value)  # type: ignore[call-overload]


def unknown_keys(node: Node, known: Iterable[str], parent: str = "") -> list[str]:
    """A fault for each entry of a mapping that is not known."""
    assert isinstance(node.value, dict)
    known = set(known)
    return [
        entry.fault(f"{parent}.{name}".lstrip("."), f"unknown key. {did_you_mean(name, known)}")
        for name, entry in node.value.items()
        if name not in known
    ]


def _whole(low: int, high: int) -> Rule:
    def accepts(value: Any) -> bool:
        return is_whole(value) and low <= value <= high

    return Rule(f"whole number {low} to {high}", accepts, int)


def _number(low: float, high: float) -> Rule:
    def accepts(value: Any) -> bool:
        return is_number(value) and low <= value <= high

    return Rule(f"number {low:g} to {high:g}", accepts, float)


def _text(pattern: re.Pattern[str], expected: str) -> Rule:
    def accepts(value: Any) -> bool:
        return isinstance(value, str) and pattern.fullmatch(value) is not None

    return Rule(expected, accepts)


def _choice(*names: str) -> Rule:
    return Rule(f"{', '.join(names[:-1])} or {names[-1]}", lambda value: value in names)


def _supported(version: float) -> float:
    if version != FORMAT_VERSION:
        raise ValueError(
            f"this tuner reads version {FORMAT_VERSION}, got {version}."
            f" Upgrade tuner, or write version: {FORMAT_VERSION}."
        )
    return version


def _is_gpu(value: Any) -> bool:
    if not is_number(value):
        return bool(value == "auto")
    return value == 0 or 0.01 <= value <= 1 or (is_whole(value) and 1 <= value <= 1024)


def _gpus(value: Any) -> float | str:
    return "auto" if value == "auto" else float(value)


def _is_duration(value: object) -> bool:
    match = DURATION.fullmatch(value) if isinstance(value, str) else None
    return match is not None and float(match[1]) > 0


def _seconds(text: str) -> float:
    return float(text[:-1]) * UNITS[text[-1]]


_name = _text(NAME, "name of letters, digits, dots and dashes")
_bound = Rule("finite number", is_number, float)
_flag = Rule("true or false", lambda value: isinstance(value, bool))
_line = Rule(
    "line of text",
    lambda value: isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable(),
)
_uri = Rule("sqlite, http or https address", lambda value: isinstance(value, str), tracking_uri)

FIELDS = (
    Field(
        "version",
        Rule(f"{FORMAT_VERSION}", is_number, _supported),
        "1",
        "the format of this file",
        True,
    ),
    Field("task.dataset", _name, "wine-quality", "the data set", True),
    Field("task.model", _name, "xgboost", "the model; DATASET-MODEL is the task's name", True),
    Field(
        "task.trainable",
        _text(TRAINABLE, "trainable, or module:function"),
        "tabular",
        "what trains: a built-in trainable, or a function of yours as module:function"
        " (with --allow-code; the module is looked for beside this file first)",
        True,
    ),
    Field(
        "task.split",
        _choice("random", "official"),
        "official",
        "random draws 70/15/15 by the seed; official keeps the published test data",
    ),
    Field("task.synthetic", _flag, "true", "generated data of the same shape"),
    Field(
        "model.init",
        _choice("pretrained", "scratch"),
        "scratch",
        "published weights, which networks begin with unless told otherwise, or random ones",
    ),
    Field(
        "model.checkpoint",
        _line,
        "weights/model.safetensors",
        "your own weights to begin with instead; a path beside this file",
    ),
    Field("model.flip", _flag, "true", "mirror training images at random"),
    Field("model.crop", _whole(0, 64), "4", "shift training images by up to so many pixels"),
    Field("model.rotation", _number(0, 180), "15", "turn training images by up to so many degrees"),
    Field(
        "model.early_stopping",
        _whole(0, 100_000),
        "2",
        "end a trial after so many steps (of a network: epochs) without a better value, and give"
        " the final fit as many as the best trial had when it was best; 0 never does. Not given: 2"
        " for boosted trees, 0 for networks",
    ),
    Field("metric.name", _name, "rmse", "what is measured on the validation data", True),
    Field("metric.mode", _choice("max", "min"), "min", "which is better, more or less", True),
    Field("metric.low", _bound, "0", "the lowest value the metric can take"),
    Field("metric.high", _bound, "1", "the highest value the metric can take"),
    Field("budget.trials", _whole(1, 100_000), "50", "how many configurations are tried"),
    Field(
        "budget.time",
        Rule("duration with its unit (s, m or h)", _is_duration, _seconds),
        "30m",
        "how long the study runs, counted from the moment its first worker is up",
        attribute="time_seconds",
    ),
    Field(
        "budget.gpu_hours",
        _number(MIN_GPU_HOURS, MAX_GPU_HOURS),
        "8",
        "how much GPU time the trials may use together",
    ),
    Field("budget.max_steps", _whole(1, 100_000), "10", "the steps of a full training"),
    Field(
        "budget.grace_steps",
        _whole(1, 100_000),
        "1",
        "the steps before ASHA may stop a trial; at most budget.max_steps",
    ),
    Field(
        "budget.reduction_factor",
        _whole(2, 100),
        "3",
        "ASHA lets one in so many go on past a rung, which are this factor apart",
    ),
    Field(
        "budget.step_timeout",
        Rule("duration with its unit (s, m or h)", _is_duration, _seconds),
        "30m",
        "a trial that reports nothing for so long hangs, and is ended; a final fit may take so long"
        " for each of its steps (default in seconds)",
        attribute="step_timeout_seconds",
    ),
    Field("resources.cpu", _number(0.1, 1024), "1", "CPUs of one trial"),
    Field(
        "resources.gpu",
        Rule("auto, 0, a fraction from 0.01 to 1, or a whole number", _is_gpu, _gpus),
        "0.25",
        "GPUs of one trial; auto shares those of NVIDIA by memory and throughput, 0 without any",
    ),
    Field("resources.gpu_memory", _number(0.1, 10_000), "40", "GB that trials may fill of a GPU"),
    Field("resources.concurrency", _whole(1, 10_000), "2", "how many trials run at once"),
    Field(
        "warm_start.points",
        _whole(0, 100),
        "5",
        "how many configurations the past recommends; 0 (--warm-start off) for none",
    ),
    Field(
        "warm_start.starter",
        _flag,
        "false",
        "whether the history that ships with tuner stands behind your own",
    ),
    Field("tracking.uri", _uri, "sqlite:///mlflow.db", "the MLflow store"),
    Field("tracking.experiment", _line, "warmtune", "the MLflow experiment"),
    Field(
        "final.seeds",
        _whole(1, 100),
        "3",
        "with how many seeds the best configuration is trained and tested after the search",
    ),
    Field(
        "sampler",
        _choice("meta-gp", "meta-tpe", "tpe", "gp", "random"),
        "meta-gp",
        "what proposes configurations: Gaussian process or tree-structured Parzen estimator, each"
        " with or without a prior from the past, or chance",
    ),
    Field("seed", _whole(0, 2**32 - 1), "0", "governs split, sampler and trainings"),
)

SECTIONS = {
    "task": Section("{dataset: wine-quality, model: xgboost, trainable: tabular}", True),
    "metric": Section("{name: rmse, mode: min}", True),
    "space": Section("{learning_rate: {float: [0.01, 0.3], log: true}}", True),
    "model": Section("{init: scratch}"),
    "budget": Section("{trials: 50}"),
    "resources": Section("{cpu: 1}"),
    "warm_start": Section("{points: 5}"),
    "tracking": Section("{experiment: warmtune}"),
    "final": Section("{seeds: 3}"),
}
