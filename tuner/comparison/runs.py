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
class Ending:
    """After a trial ended: how many have, what all cost, and the best value of a completed one."""

    trials: int
    seconds: float
    best: float | None


@dataclass(frozen=True)
class FinishedRun:
    """One finished study; ``endings`` follow the order in which its trials ended.

    ``running_seconds`` is how long the search took, ``seconds`` the whole, final fits included,
    and ``bill`` what all of the study used.
    """

    directory: Path
    study: Study
    header: dict[str, Any]
    endings: tuple[Ending, ...]
    finished: Finished
    tested: FinalResult | None
    running_seconds: float
    seconds: float
    bill: Bill

    @property
    def best(self) -> float | None:
        """The best value of a completed trial; None if there is none."""
        return self.endings[-1].best if self.endings else None

    @property
    def tested_seeds(self) -> frozenset[int | None]:
        """The seeds of its final fits."""
        return frozenset(fit.seed for fit in self.tested.fits) if self.tested else frozenset()

    @property
    def training_seconds(self) -> float:
        """What all trials trained, in sum."""
        return self.endings[-1].seconds if self.endings else 0.0

    def loss(self, value: float) -> float:
        """The value turned so that smaller is better."""
        return self.study.metric.loss(value)

    def at_cost(self, seconds: float) -> float | None:
        """The best value when all trials together had trained so long."""
        done = [ending.best for ending in self.endings if ending.seconds <= seconds]
        return done[-1] if done else None

    def reached(self, target: float) -> Ending | None:
        """The first ending at which the best value is as good as ``target``."""
        for ending in self.endings:
            if ending.best is not None and self.loss(ending.best) <= self.loss(target):
                return ending
        return None


def read_finished(directory: Path) -> FinishedRun:
    """Read a finished study back; raises ``RunDirectoryError`` for any other."""
    study, header, entries = read_journal(directory)
    now = Standing(study, entries)
    if now.finished is None:
        raise RunDirectoryError(
            f"{directory}: not finished ({len(now.ended)} trials have ended). Go on with `tuner"
            f" resume {directory}`."
        )
    endings: list[Ending] = []
    for id in now.ended:
        endings.append(_next(endings, now.trials[id], study))
    return FinishedRun(
        directory,
        now.study,
        header,
        tuple(endings),
        now.finished,
        now.tested,
        now.search_seconds,
        now.seconds,
        now.ledger.bill,
    )


def _next(endings: list[Ending], trial: Trial, study: Study) -> Ending:
    seconds, best = (endings[-1].seconds, endings[-1].best) if endings else (0.0, None)
    value = trial.value if trial.state is TrialState.COMPLETED else None
    loss = study.metric.loss
    if value is not None and (best is None or loss(value) < loss(best)):
        best = value
    return Ending(len(endings) + 1, seconds + trial.seconds, best)
