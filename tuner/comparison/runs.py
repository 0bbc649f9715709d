"""A finished study as its journal tells it, with the best value so far after each trial."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meta.study import Study, Trial, TrialState
from tuner.bill import Bill
from tuner.errors import RunDirectoryError
from tuner.events import Finished
from tuner.final_result import FinalResult
from tuner.journal_file import read_journal
from tuner.standing import Standing

GPU_HOURS = "GPU-hours"
TRAINING_SECONDS = "training seconds"


@dataclass(frozen=True, slots=True)
class Point:
    """After a trial ended: how many have, what all cost, and the best value of a completed one."""

    trials: int
    seconds: float
    best: float | None


@dataclass(frozen=True)
class Run:
    """One finished study; ``points`` follow the order in which its trials ended.

    ``running_seconds`` is how long the search took, ``seconds`` the whole, final fits included,
    and ``bill`` what all of the study used.
    """

    directory: Path
    study: Study
    header: dict[str, Any]
    points: tuple[Point, ...]
    finished: Finished
    tested: FinalResult | None
    running_seconds: float
    seconds: float
    bill: Bill

    @property
    def best(self) -> float | None:
        """The best value of a completed trial; None if there is none."""
        return self.points[-1].best if self.points else None

    @property
    def tested_seeds(self) -> frozenset[int | None]:
        """The seeds of its final fits."""
        return frozenset(fit.seed for fit in self.tested.fits) if self.tested else frozenset()

    @property
    def training_seconds(self) -> float:
        """What all trials trained, in sum."""
        return self.points[-1].seconds if self.points else 0.0

    def loss(self, value: float) -> float:
        """The value turned so that smaller is better."""
        return self.study.metric.loss(value)

    def at_cost(self, seconds: float) -> float | None:
        """The best value when all trials together had trained so long."""
        done = [point.best for point in self.points if point.seconds <= seconds]
        return done[-1] if done else None

    def reached(self, target: float) -> Point | None:
        """The first point at which the best value is as good as ``target``."""
        for point in self.points:
            if point.best is not None and self.loss(point.best) <= self.loss(target):
                return point
        return None


def read_run(directory: Path) -> Run:
    """Read a finished study back; raises ``RunDirectoryError`` for any other."""
    study, header, entries = read_journal(directory)
    now = Standing(study, entries)
    if now.finished is None:
        raise RunDirectoryError(
            f"{directory}: not finished ({len(now.ended)} trials have ended). Go on with `tuner"
            f" resume {directory}`."
        )
    points: list[Point] = []
    for id in now.ended:
        points.append(_next(points, now.trials[id], study))
    return Run(
        directory,
        now.study,
        header,
        tuple(points),
        now.finished,
        now.tested,
        now.search_seconds,
        now.seconds,
        now.ledger.bill,
    )


def _next(points: list[Point], trial: Trial, study: Study) -> Point:
    seconds, best = (points[-1].seconds, points[-1].best) if points else (0.0, None)
    value = trial.value if trial.state is TrialState.COMPLETED else None
    loss = study.metric.loss
    if value is not None and (best is None or loss(value) < loss(best)):
        best = value
    return Point(len(points) + 1, seconds + trial.seconds, best)
