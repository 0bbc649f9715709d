"""Writes studies that did not run here into the store, as the same records as those that did."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from meta.study import Study, Trial, TrialState
from tuner.events import Finished
from tuner.tracking import records
from tuner.tracking.runs import StudyRuns, find_runs
from tuner.tracking.store import StoreUnavailable, analyze, connect, open_experiment, reason

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient


def write_studies(
    uri: str,
    experiment: str,
    studies: Sequence[Study],
    source: str,
    replace: bool,
) -> dict[str, int]:
    """How many trials of each study, newest first, had to be written; none of what is there.

    ``replace`` makes a study that is there equal to this one; without it nothing that is there
    changes. Raises ``StoreUnavailable``; what was written
    until then stays, and writing again completes it.
    """
    client = connect(uri)
    now = time.time()
    try:
        experiment_id = open_experiment(client, experiment, uri)
        return {
            study.id: _Writing(client, experiment_id, study, source, replace, now - age).write()
            for age, study in enumerate(studies)
        }
    except StoreUnavailable:
        raise
    except Exception as error:
        raise StoreUnavailable(reason(error)) from None
    finally:
        analyze(uri)


class _Writing:
    """A study on its way into the store; ``time`` is when it is said to have ended."""

    def __init__(
        self,
        client: "MlflowClient",
        experiment_id: str,
        study: Study,
        source: str,
        replace: bool,
        time: float,
    ) -> None:
        self._client = client
        self._study = study
        self._header = {"imported": source}
        self._replace = replace
        self._time = time
        self._runs = StudyRuns(client, experiment_id, study.id)
        self._stored: dict[int | None, Run] = {}
        for run in find_runs(client, experiment_id, f"tags.`{records.STUDY}` = '{study.id}'"):
            trial = run.data.tags.get(records.TRIAL)
            self._stored[None if trial is None else int(trial)] = run

    def write(self) -> int:
        """Write what is missing; the number of trials that was."""
        due = [trial for trial in self._study.trials if self._is_due(trial)]
        gone = self._gone()
        tags = records.study_tags(self._study, self._header)
        own = self._stored.get(None)
        if own and not due and not gone and self._is_kept(own, tags):
            return 0
        if own:
            self._runs.reopen(None)
        else:
            self._runs.create(None, records.study_name(self._study), self._time, tags)
        for trial in due:
            self._write(trial)
        for id in gone:
            self._client.delete_run(self._stored[id].info.run_id)
        self._close(tags if self._replace else {})
        return len(due)

    def _is_due(self, trial: Trial) -> bool:
        run = self._stored.get(trial.id)
        if run is None:
            return self._replace or trial.id not in self._runs.ids
        same = _holds(run, records.write_record(trial.to_json()))
        if same:
            return run.info.status == "RUNNING" and trial.state is not TrialState.RUNNING
        return self._replace

    def _is_kept(self, own: "Run", tags: dict[str, str]) -> bool:
        """Whether the run of the study itself is as it should be."""
        return not self._replace or (own.info.status != "RUNNING" and _holds(own, tags))

    def _gone(self) -> list[int | None]:
        """The trials in the store that the study has no more."""
        left = {None, *(trial.id for trial in self._study.trials)}
        return [id for id in self._stored if id not in left] if self._replace else []

    def _write(self, trial: Trial) -> None:
        """A new run for the trial; only then is an old one of it deleted."""
        runs, old = self._runs, self._stored.get(trial.id)
        started = self._time - trial.seconds
        tags = records.trial_tags(trial, self._study)
        runs.create(trial.id, f"trial {trial.id}", started, tags)
        times = [started + measurement.seconds for measurement in trial.measurements]
        values = records.trial_metrics(trial, times, self._study.metric.name)
        runs.log(trial.id, values, records.trial_params(trial.config))
        is_running = trial.state is TrialState.RUNNING
        runs.end(trial.id, "KILLED" if is_running else records.STATUSES[trial.state], self._time)
        if old:
            self._client.delete_run(old.info.run_id)

    def _close(self, tags: dict[str, str]) -> None:
        study, runs = self._study, self._runs
        finished = Finished(f"imported from {self._header['imported']}")
        outcome = records.outcome_tags(study, finished, None, {})
        runs.log(None, tags={**tags, **outcome, records.WRITTEN: str(time.time_ns())})
        runs.log_data(study.task.dataset, study.fingerprint)
        runs.end(None, "FINISHED" if study.best else "FAILED", time.time())


def _holds(run: "Run", tags: dict[str, str]) -> bool:
    return tags.items() <= run.data.tags.items()
