"""The journal of a study with the times at which things happened, read as it grows."""

from dataclasses import dataclass, field
from pathlib import Path

from meta.study import Study, Trial, TrialState
from tuner.events import Ended, FinalFit, Finished, Measured, Started, Used, fold
from tuner.final_result import FinalResult
from tuner.journal_file import Entry, connect_readonly, read_entries, read_header
from tuner.ledger import Ledger
from tuner.tracking.records import Point, final_points, study_usage, trial_usage


@dataclass
class Times:
    """When a trial started, was measured and ended, in seconds since 1970."""

    started: float
    ended: float
    measured: list[float] = field(default_factory=list)


class Timeline:
    """What the journal says so far.

    ``changed`` are the trials with news since somebody took them out of it; ``curve`` is the best
    value after each trial that improved on it, ``usage`` what each trial used, ``test`` what was
    measured on the test data; ``started`` and ``latest`` are the times of the first and the last
    event.
    """

    def __init__(self, directory: Path) -> None:
        self._connection = connect_readonly(directory)
        self._study, self.header = read_header(self._connection)
        self.trials: dict[int, Trial] = {}
        self.times: dict[int, Times] = {}
        self.changed: set[int] = set()
        self.curve: list[Point] = []
        self.test: list[Point] = []
        self.usage: dict[int, list[Point]] = {}
        self._ledger = Ledger()
        self.finished: Finished | None = None
        self.fits: list[FinalFit] = []
        self.started = self.latest = 0.0
        self._sequence = 0
        self._best: float | None = None

    @property
    def study(self) -> Study:
        """The study as it stands."""
        return self._study.with_trials(tuple(self.trials[id] for id in sorted(self.trials)))

    @property
    def tested(self) -> FinalResult | None:
        """What the final fits came to so far."""
        return FinalResult(tuple(self.fits)) if self.fits else None

    @property
    def is_tested(self) -> bool:
        """Whether all final fits are done."""
        seeds: int = self.header.get("config", {}).get("final", {}).get("seeds", 1)
        return len(self.fits) >= seeds

    @property
    def total(self) -> list[Point]:
        """What all trainings used so far; nothing where it was not measured."""
        if not self._ledger.trials:
            return []
        return study_usage(self._ledger.bill, self.latest, self._sequence)

    def read_on(self) -> None:
        """Take in what was appended since the last time."""
        for entry in list(read_entries(self._connection, self._sequence)):
            self._take(entry)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _take(self, entry: Entry) -> None:
        fold(self.trials, entry.event)
        self._ledger.enter(entry.event, entry.elapsed_seconds)
        now = self.latest = entry.unix_time
        self.started = self.started or now
        self._sequence = entry.sequence
        match entry.event:
            case Started(trial):
                if trial not in self.times:
                    self._extend_trust(self.trials[trial], now)
                self.times.setdefault(trial, Times(now, now))
            case Measured(trial) if len(self.trials[trial].measurements) > len(
                self.times[trial].measured
            ):
                self.times[trial].measured.append(now)
            case Ended(trial):
                self.times[trial].ended = now
                self._extend_curve(self.trials[trial], now)
            case Used():
                self._extend_usage(entry.event, now, entry.sequence)
            case Finished():
                self.finished = entry.event
            case FinalFit():
                self.fits.append(entry.event)
                tested = FinalResult(tuple(self.fits))
                self.test.extend(final_points(tested, self._study.metric.name, now))
        if isinstance(entry.event, Started | Measured | Ended):
            self.changed.add(entry.event.trial)

    def _extend_usage(self, used: Used, now: float, step: int) -> None:
        if used.trial is not None:
            points = trial_usage(used.usage, self._ledger.trials[used.trial], now, step)
            self.usage.setdefault(used.trial, []).extend(points)

    def _extend_trust(self, trial: Trial, now: float) -> None:
        if trial.trust is not None:
            self.curve.append(Point("weight_of_the_past", trial.trust, now, trial.id))

    def _extend_curve(self, trial: Trial, now: float) -> None:
        metric, value = self._study.metric, trial.value
        if trial.state is not TrialState.COMPLETED or value is None:
            return
        if self._best is None or metric.loss(value) < metric.loss(self._best):
            self._best = value
            ended = sum(other.state is not TrialState.RUNNING for other in self.trials.values())
            self.curve.append(Point(f"best_{metric.name}", value, now, ended))
