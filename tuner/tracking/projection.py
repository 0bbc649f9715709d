"""Brings the MLflow runs of a study (parent) and its trials (children) up to its journal."""

import time
from pathlib import Path

from meta.study import TrialState
from tuner.tracking import records
from tuner.tracking.models import kept_model, publish
from tuner.tracking.runs import StudyRuns
from tuner.tracking.store import analyze, connect, open_experiment, reason
from tuner.tracking.timeline import Timeline

HEARTBEAT_SECONDS = 5.0
"""A trial that runs longer than this is shown while it runs, and brought up to date so often."""
REFUSED = "INVALID_PARAMETER_VALUE"
"""MLflow's word for what it will never take; any other error may pass with time."""


class Projection:
    """The runs of one study in MLflow; where they stand is asked of MLflow itself.

    ``refused`` says for which trials MLflow will never take a part, and why; ``model`` is the URI
    of the registered final model, once there is one.
    """

    def __init__(self, directory: Path, uri: str, experiment: str) -> None:
        self.refused: dict[int, str] = {}
        self.model: str | None = None
        self._directory = directory
        self._timeline = Timeline(directory)
        self._uri = uri
        self._experiment = experiment
        self._runs: StudyRuns | None = None
        self._sent: dict[int | None, int] = {}
        self._sent_usage: dict[int, int] = {}
        self._heartbeat = time.monotonic()
        self._outcome_is_old = True

    def update(self, last: bool = False) -> None:
        """Write what is new: ended trials now, running ones at a heartbeat; close all if ``last``.

        Raises what MLflow raises. Nothing is lost by that: the next call looks up what did arrive.
        """
        self._timeline.read_on()
        runs, self._runs = self._runs or self._look_up(), None
        due = last or time.monotonic() - self._heartbeat >= HEARTBEAT_SECONDS
        for trial in sorted(self._timeline.changed):
            if last or self._is_final(trial) or (due and self._is_long(trial)):
                self._write_or_refuse(runs, trial, last)
        if last or (due and self._outcome_is_old):
            self._write_outcome(runs, last)
        if last:
            self._publish_model(runs)
        if due:
            self._heartbeat = time.monotonic()
        self._runs = runs

    def close(self) -> None:
        """Leave the store in good order."""
        self._timeline.close()
        analyze(self._uri)

    def _look_up(self) -> StudyRuns:
        timeline, study = self._timeline, self._timeline.study
        client = connect(self._uri)
        experiment_id = open_experiment(client, self._experiment, self._uri)
        runs = StudyRuns(client, experiment_id, study.id)
        if None in runs.ids:
            runs.reopen(None)
        else:
            tags = records.study_tags(study, timeline.header)
            runs.create(None, records.study_name(study), timeline.began or time.time(), tags)
        runs.log(None, params=records.study_params(timeline.header))
        runs.log_data(study.task.dataset, study.fingerprint)
        timeline.changed -= runs.final
        self._sent, self._sent_usage = {}, {}
        return runs

    def _is_final(self, trial: int) -> bool:
        return self._timeline.trials[trial].state is not TrialState.RUNNING

    def _is_long(self, trial: int) -> bool:
        return time.time() - self._timeline.times[trial].started >= HEARTBEAT_SECONDS

    def _write_or_refuse(self, runs: StudyRuns, trial: int, last: bool) -> None:
        try:
            self._write_trial(runs, trial, last)
        except Exception as error:
            if getattr(error, "error_code", None) != REFUSED:
                raise
            self.refused[trial] = f"trial {trial}: {reason(error)}"
        self._timeline.changed.discard(trial)
        self._outcome_is_old = True

    def _write_trial(self, runs: StudyRuns, id: int, last: bool) -> None:
        trial, times = self._timeline.trials[id], self._timeline.times[id]
        study, known, sent = self._timeline.study, id in runs.ids, self._sent.get(id)
        tags = records.trial_tags(trial, study)
        if not known:
            runs.create(id, f"trial {id}", times.started, tags)
        values = records.trial_metrics(trial, times.measured, study.metric.name)
        used = self._timeline.usage.get(id, [])[self._sent_usage.get(id, 0) :]
        params = records.trial_params(trial.config) if sent is None else {}
        runs.log(id, values[sent or 0 :] + used, params, tags if known else {})
        self._sent[id] = len(values)
        self._sent_usage[id] = len(self._timeline.usage.get(id, []))
        if self._is_final(id):
            runs.end(id, records.STATUSES[trial.state], times.ended)
        elif last:
            runs.end(id, "KILLED", self._timeline.latest)
        elif known and sent is None:
            runs.reopen(id)

    def _write_outcome(self, runs: StudyRuns, last: bool) -> None:
        timeline, study = self._timeline, self._timeline.study
        curve = timeline.curve[self._sent.get(None, 0) :]
        past = timeline.header.get("past", {})
        tags = records.outcome_tags(study, timeline.finished, timeline.tested, past)
        if last:
            tags[records.WRITTEN] = str(time.time_ns())
        runs.log(None, curve + timeline.total + timeline.test, tags=tags)
        self._sent[None] = len(timeline.curve)
        self._outcome_is_old = False
        if last:
            status = "FINISHED" if study.best else "FAILED"
            runs.end(None, status if timeline.finished else "KILLED", timeline.latest)

    def _publish_model(self, runs: StudyRuns) -> None:
        """After all else, so that a large model that does not arrive holds nothing up."""
        timeline = self._timeline
        kept = kept_model(self._directory, timeline.study, timeline.header)
        if kept is not None and timeline.is_tested:
            self.model = publish(runs.client, runs.ids[None], kept)
