"""A context that records what a trainable reports and keeps its checkpoints in a folder."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainables.base import Config


@dataclass(frozen=True)
class Report:
    step: int
    value: Any
    metrics: dict[str, float]
    config: dict[str, Any]


@dataclass
class Recorder:
    model: str = ""
    data: Any = None
    seed: int = 0
    device: str = "cpu"
    threads: int = 1
    max_steps: int = 10
    final: bool = False
    held_out: Any = None
    folder: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)
    model_folder: Path | None = None
    reports: list[Report] = field(default_factory=list)

    def report(
        self,
        step: int,
        value: float,
        metrics: Mapping[str, float] | None = None,
        config: Config | None = None,
    ) -> None:
        self.reports.append(Report(step, value, dict(metrics or {}), dict(config or {})))

    def save(self, write: Callable[[Path], None]) -> None:
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir()
            write(self.folder)

    def restore(self) -> Path | None:
        return self.folder if self.folder and self.folder.is_dir() else None

    def keep(self, write: Callable[[Path], None]) -> None:
        assert self.final, "a trial kept a model"
        if self.model_folder:
            self.model_folder.mkdir()
            write(self.model_folder)

    @property
    def values(self) -> list[Any]:
        return [report.value for report in self.reports]
