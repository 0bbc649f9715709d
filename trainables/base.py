"""The contract: a trainable is ``train(config, context)``; it knows nothing of the search."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

Config = Mapping[str, Any]
EXAMPLE_FILE = "example.json"


class Context(Protocol):
    """What a trainable is given besides its configuration.

    ``data`` is the ``payload`` that the trainable's ``load`` returned, shared by all trials and
    read-only; the test part is not in it.
    ``seed`` governs every random number. ``device`` is ``cpu`` or ``cuda``; ``threads`` the
    number of CPU threads to use. A trial has at most ``max_steps`` steps.

    ``final`` is True in the trainings after the search: fit on training and validation data, report
    on ``held_out``, which ``load`` returned beside the payload, choose nothing by what is reported,
    and hand the model to ``keep``. In a trial ``held_out`` is None: no trial sees the test part.

    ``options`` hold what a task sets in its section ``model`` and no trial searches (name →
    value); what it leaves out is the trainable's to choose.
    """

    model: str
    data: Any
    seed: int
    device: str
    threads: int
    max_steps: int
    final: bool
    held_out: Any
    options: Mapping[str, Any]

    def report(
        self,
        step: int,
        value: float,
        metrics: Mapping[str, float] | None = None,
        config: Config | None = None,
    ) -> None:
        """Report ``value`` of the tuned metric after ``step`` (1, 2, …); does not return if the
        trial is stopped. ``metrics`` are logged beside it. ``config`` overrides parameters in what
        is recommended if ``value`` belongs to another configuration than the one that runs."""

    def save(self, write: Callable[[Path], None]) -> None:
        """Keep a checkpoint: ``write`` is given an empty folder; the older one goes afterwards."""

    def restore(self) -> Path | None:
        """The folder of the last kept checkpoint of this trial, or None."""

    def keep(self, write: Callable[[Path], None]) -> None:
        """Keep the trained model, after the last report of a final training and only there.

        ``write`` is given an empty folder for the weights, as safetensors or in the booster's own
        format, and for a small JSON file with what ``predictor`` needs to load them; no pickle.
        ``EXAMPLE_FILE`` in it, if there is one, holds a few inputs from which the signature of the
        served model follows: an object with ``columns`` and ``data`` (a table), a list of texts, or
        a nested list (of uint8).
        """


@dataclass(frozen=True)
class Data:
    """What a trainable's ``load`` returns: the data of its trials, and what history records of it.

    ``payload`` reaches every training as ``context.data`` and holds the training and validation
    parts; ``held_out`` is the test part, which only the final trainings get, as
    ``context.held_out``: it lies in no array of the payload. ``fingerprint`` names data and split;
    ``features`` are the meta-features of the data set (name → number, best on scales where a
    difference of 1 is a large one), by which related studies are found; ``rows`` counts per split.
    """

    payload: Any
    fingerprint: str
    features: dict[str, float]
    rows: dict[str, int]
    held_out: Any = None


@dataclass(frozen=True)
class DataRequest:
    """Which data to load: ``seed`` draws the split, unless ``split`` is ``official``.

    ``directory`` is a local copy to read instead of fetching, ``cache`` where fetched files stay.
    ``synthetic`` asks for generated data of the same shape. ``model`` and ``options``, as in
    ``Context``, say which initial weights are shared with the data.
    """

    dataset: str
    seed: int
    split: str = "random"
    metric: str = ""
    directory: Path | None = None
    cache: Path | None = None
    synthetic: bool = False
    model: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


class DataError(Exception):
    """The data cannot be used as they are (wrong checksum, ragged row, one class): exit code 2."""


class DataUnavailable(DataError):
    """The data cannot be had (offline, no local copy): exit code 3."""


@dataclass(frozen=True)
class Offer:
    """What a trainable can be asked for; ``metrics`` holds ``max`` or ``min`` for each metric.

    ``locate`` says where the data are and neither reads nor fetches them. ``options`` names the
    keys of a task's section ``model`` that the trainable heeds, ``parameters`` those that a space
    may have: any, if it is empty.
    """

    datasets: Collection[str]
    models: Collection[str]
    metrics: Mapping[str, str]
    locate: Callable[[DataRequest], str]
    options: Collection[str] = ()
    parameters: Collection[str] = ()


@dataclass(frozen=True)
class Trainable:
    """A training function and, unless it brings its own data, how its data are loaded.

    ``load`` is called once per study and raises ``DataError``. Without an ``offer`` it can be asked
    for anything. ``predictor`` loads what the training handed to ``Context.keep``; it takes a table
    of numbers or names, uint8 images (n, height, width, channels) or texts, and gives probabilities
    (n, classes) or numbers (n,). ``peak_bytes`` predicts from configuration, data set and model how
    much GPU memory a training takes at most; a trainable that has it trains with PyTorch.
    """

    train: Callable[[Config, Context], None]
    load: Callable[[DataRequest], Data] | None = None
    offer: Offer | None = None
    predictor: Callable[[Path], Callable[[Any], Any]] | None = None
    peak_bytes: Callable[[Config, str, str], int] | None = None
