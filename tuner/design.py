"""An experiment's design: which studies, in which order, and where each is kept."""

import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tuner.config import StudyConfig
from tuner.errors import EnvironmentFault, RunDirectoryError
from tuner.home import redacted

FILE_NAME = "experiment.json"
FORMAT_VERSION = 1
FEWEST_REPEATS = 3
REPEATS = 5


@dataclass(frozen=True, slots=True)
class Member:
    """One study of an experiment."""

    task: str
    arm: str
    seed: int

    @property
    def directory(self) -> str:
        """Where it is kept, from the experiment's directory on."""
        return f"{self.task}/{self.arm}-{self.seed}"

    @property
    def pair(self) -> str:
        """What its partners share."""
        return f"{self.task}/{self.seed}"


@dataclass(frozen=True, slots=True)
class Slice:
    """What one study may use of a total that several share."""

    time_seconds: float | None = None
    gpu_hours: float | None = None

    @property
    def options(self) -> dict[str, str]:
        """What to type for it."""
        time, hours = self.time_seconds, self.gpu_hours
        times = {} if time is None else {"--time-budget": f"{time:.2f}s"}
        return times if hours is None else {**times, "--gpu-hours": f"{hours:.4f}"}

    def of(self, config: StudyConfig) -> StudyConfig:
        """The study with no more than this as its budget."""
        budget = config.budget
        if self.time_seconds is not None:
            budget = replace(budget, time_seconds=self.time_seconds)
        if self.gpu_hours is not None:
            budget = replace(budget, gpu_hours=min(budget.gpu_hours, self.gpu_hours))
        return replace(config, budget=budget)


WHOLE = Slice()
"""Of a budget that nobody shares."""


@dataclass(frozen=True)
class Design:
    """What an experiment consists of; ``configs`` has one per task, of whichever seed.

    ``time_seconds`` and ``gpu_hours``, if given, are what all studies together may use.
    ``commands`` says what to type for a warm study of each task.
    """

    configs: tuple[StudyConfig, ...]
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    commands: tuple[str, ...]
    data_dir: str | None = None
    finalize: bool = True
    time_seconds: float | None = None
    gpu_hours: float | None = None

    def config(self, task: str) -> StudyConfig:
        """The configuration of a task."""
        return next(config for config in self.configs if config.task.id == task)

    def study_command(self, member: Member, part: Slice = WHOLE) -> str:
        """What to type for the warm study of a member's task and seed, with its own budget."""
        tasks = [config.task.id for config in self.configs]
        own = {**part.options, "--seed": str(member.seed)}
        source, options = _command(self.commands[tasks.index(member.task)], *own)
        sampler = ["--sampler", "tpe"] if member.arm == "tpe" else []
        words = [word for option in own.items() for word in option]
        return shlex.join(["tuner", "run", source, *options, *sampler, *words])

    @property
    def command(self) -> str:
        """What to type for the whole."""
        given = [_command(command, "--seed") for command in self.commands]
        shared = self.time_seconds is not None or self.gpu_hours is not None
        sources = ["--all"] if shared else [source for source, _ in given]
        seeds = ["--seed", str(self.seeds[0])]
        arms = ["--arms", ",".join(self.arms), "--repeats", str(len(self.seeds))]
        return shlex.join(["tuner", "run", *sources, *given[0][1], *seeds, *arms])

    def members(self) -> list[Member]:
        """The studies, seed by seed and task by task, the order of the arms rotated each time.

        So a machine that gets slower, or warmer, hits all arms alike.
        """
        members = []
        for row, seed in enumerate(self.seeds):
            for column, config in enumerate(self.configs):
                turn = (row + column) % len(self.arms)
                arms = self.arms[turn:] + self.arms[:turn]
                members += [Member(config.task.id, arm, seed) for arm in arms]
        return members

    def to_json(self) -> dict[str, Any]:
        """A JSON object that ``from_json`` reads back."""
        return {**asdict(self), "configs": [config.to_json() for config in self.configs]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Design":
        """Read what ``to_json`` wrote; raises ``KeyError`` or ``TypeError`` for anything else."""
        lists = {name: tuple(data[name]) for name in ("arms", "seeds", "commands")}
        configs = tuple(StudyConfig.from_json(config) for config in data["configs"])
        return cls(**{**data, **lists, "configs": configs})


def _command(text: str, *without: str) -> tuple[str, list[str]]:
    """The task of ``tuner run TASK …``, and its options but some that take a value."""
    _, _, source, *options = shlex.split(text)
    for option in without:
        if option in options:
            at = options.index(option)
            del options[at : at + 2]
    return source, options


@dataclass(frozen=True)
class Record:
    """What ``experiment.json`` holds: the design, and the slices of the budget given so far."""

    design: Design
    slices: dict[str, Slice] = field(default_factory=dict)

    def write(self, directory: Path) -> None:
        """Write the file, whole or not at all and without passwords, as a study's journal.

        Raises ``EnvironmentFault`` if that cannot be.
        """
        data = {
            "version": FORMAT_VERSION,
            "design": redacted(self.design.to_json()),
            "slices": {pair: asdict(part) for pair, part in self.slices.items()},
        }
        temporary = directory / f"{FILE_NAME}.new"
        try:
            with temporary.open("w") as file:
                file.write(json.dumps(data, indent=2) + "\n")
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(directory / FILE_NAME)
        except OSError as error:
            raise EnvironmentFault(
                f"{directory / FILE_NAME}: cannot be written ({error.strerror or error}). Free"
                " space or mend the directory."
            ) from None

    @classmethod
    def read(cls, directory: Path) -> "Record":
        """Read the file back; raises ``RunDirectoryError`` if it is not one of ours."""
        path = directory / FILE_NAME
        try:
            data = json.loads(path.read_text())
            if data["version"] != FORMAT_VERSION:
                raise ValueError(f"format {data['version']}, this tuner reads {FORMAT_VERSION}")
            slices = {pair: Slice(**part) for pair, part in data["slices"].items()}
            return cls(Design.from_json(data["design"]), slices)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunDirectoryError(
                f"{path}: cannot be read ({error}). The studies below {directory} can still be"
                " compared one by one: `tuner compare RUN_DIR…`."
            ) from None
