"""How a study stands: the one fold of its events, for a run, a resume and every reader alike."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from meta.study import Metric, Study, Trial, TrialState
from tuner.events import Ended, Event, FinalFit, Finished, Memory, fold
from tuner.final_result import FinalResult
from tuner.journal_file import Entry
from tuner.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Improvement:
    """The best completed value after ``trials`` trials had ended, ``seconds`` after the start."""

    trials: int
    seconds: float
    value: float
    trial: int


class Standing:
    """A study as the events so far have made it.

    ``ended`` says when each trial ended, in that order. ``seconds`` is the running time of the
    study at the last event, ``search_seconds`` that at the end of the search. ``starved`` counts
    the trials for which the memory of a machine was too small.
    """

    def __init__(self, study: Study, entries: Iterable[Entry] = ()) -> None:
        self.trials: dict[int, Trial] = {}
        self.ended: dict[int, float] = {}
        self.starved = 0
        self.improvements: list[Improvement] = []
        self.finished: Finished | None = None
        self.final_fits: list[FinalFit] = []
        self.ledger = Ledger()
        self.seconds = self.search_seconds = 0.0
        self._study = study
        for entry in entries:
            self.take(entry.event, entry.elapsed_seconds)

    @property
    def study(self) -> Study:
        """The study with its trials."""
        return self._study.with_trials(tuple(self.trials[id] for id in sorted(self.trials)))

    @property
    def metric(self) -> Metric:
        """The metric of the study."""
        return self._study.metric

    @property
    def tested(self) -> FinalResult | None:
        """What the final fits came to so far; None before the first."""
        return FinalResult(tuple(self.final_fits)) if self.final_fits else None

    def take(self, event: Event, seconds: float) -> None:
        """Take in an event, which happened after so many seconds."""
        fold(self.trials, event)
        self.ledger.enter(event, seconds)
        self.seconds = seconds
        match event:
            case Ended(id):
                self.ended[id] = seconds
                self.starved += event.lacked is Memory.HOST
                self._compare(self.trials[id], seconds)
            case Finished():
                self.finished, self.search_seconds = event, seconds
            case FinalFit(seed=None):
                self.final_fits.append(replace(event, seed=self._study.seed))
            case FinalFit():
                self.final_fits.append(event)

    def _compare(self, trial: Trial, seconds: float) -> None:
        """Take note of a trial that is better than all before it."""
        if trial.state is not TrialState.COMPLETED or trial.value is None:
            return
        loss, found = self.metric.loss, self.improvements
        if not found or loss(trial.value) < loss(found[-1].value):
            found.append(Improvement(len(self.ended), seconds, trial.value, trial.id))
