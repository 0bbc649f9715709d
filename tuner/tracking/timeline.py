"""The journal of a study with the times at which things happened, read as it grows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from meta.study import Trial
from tuner.events import Ended, FinalFit, Measured, Started, Used
from tuner.journal_file import Entry, connect_readonly, read_entries, read_header
from tuner.standing import Improvement, Standing
from tuner.tracking.records import MetricValue, final_metrics, study_usage, trial_usage


@dataclass
class Times:
    """When a trial started, was measured and ended, in seconds since 1970."""

    started: float
    ended: float
    measured: list[float] = field(default_factory=list)


class Timeline(Standing):
    """How the study stands by what was read of its journal so far.

    ``changed`` are the trials with news since somebody took them out of it; ``curve`` is the best
    value after each trial that improved on it, ``usage`` what each trial used, ``test`` what was
    measured on the test data; ``began`` and ``latest`` are the times of the first and the last
    event.
    """

    def __init__(self, directory: Path) -> None:
        self._connection = connect_readonly(directory)
        study, self.header = read_header(self._connection)
        super().__init__(study)
        self.times: dict[int, Times] = {}
        self.changed: set[int] = set()
        self.curve: list[MetricValue] = []
        self.test: list[MetricValue] = []
        self.usage: dict[int, list[MetricValue]] = {}
        self.began = self.latest = 0.0
        self._sequence = 0

    @property
    def is_tested(self) -> bool:
        """Whether all final fits are done."""
        seeds: int = self.header["config"]["final"]["seeds"]
        return len(self.final_fits) >= seeds

    @property
    def total(self) -> list[MetricValue]:
        """What all trainings used so far; nothing where it was not measured."""
        if not self.ledger.trials:
            return []
        return study_usage(self.ledger.bill, self.latest, self._sequence)

    def read_on(self) -> None:
        """Take in what was appended since the last time."""
        for entry in list(read_entries(self._connection, self._sequence)):
            self._take(entry)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _take(self, entry: Entry) -> None:
        improvements = len(self.improvements)
        self.take(entry.event, entry.elapsed_seconds)
        now = self.latest = entry.unix_time
        self.began = self.began or now
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
                self._extend_curve(self.improvements[improvements:], now)
            case Used():
                self._extend_usage(entry.event, now, entry.sequence)
            case FinalFit() if self.tested:
                self.test.extend(final_metrics(self.tested, self.metric.name, now))
        if isinstance(entry.event, Started | Measured | Ended):
            self.changed.add(entry.event.trial)

    def _extend_usage(self, used: Used, now: float, step: int) -> None:
        if used.trial is not None:
            values = trial_usage(used.usage, self.ledger.trials[used.trial], now, step)
            self.usage.setdefault(used.trial, []).extend(values)

    def _extend_trust(self, trial: Trial, now: float) -> None:
        if trial.trust:
            self.curve.append(MetricValue("weight_of_the_past", trial.trust, now, trial.id))

    def _extend_curve(self, new: Sequence[Improvement], now: float) -> None:
        name = f"best_{self.metric.name}"
        self.curve.extend(MetricValue(name, item.value, now, item.trials) for item in new)
