"""Ray's scheduler hooks: every result goes to the journal first, then ASHA decides.

Ray calls the scheduler before the searcher, so this is where a result becomes durable and where a
trial gets its final state; the searcher then reads that state from the journal.
"""

import time
from collections import Counter
from pathlib import Path
from typing import Any

import ray
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial as RayTrial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from meta.study import Measurement, TrialState
from tuner.admission import out_of
from tuner.asha import Asha
from tuner.events import Ended, Event, Measured, Memory, Requeued, Used
from tuner.home import redact
from tuner.journal import Journal
from tuner.packing import Packing
from tuner.usage import Usage

WORKER_RETRIES = 1
UNREACHABLE_RETRIES = 20
"""A worker that lives but could not be reached says nothing against its trial."""

UNREACHABLE = "is unavailable"
"""In what Ray writes of it. The error itself lies pickled beside that, and pickles stay shut."""


class StudyScheduler(FIFOScheduler):
    """Enters what the workers report into the journal, and stops what ASHA stops.

    A trial that is silent for ``timeout_seconds`` fails, and its worker is killed.
    """

    def __init__(
        self,
        journal: Journal,
        asha: Asha,
        packing: Packing,
        timeout_seconds: float = float("inf"),
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._journal = journal
        self._asha = asha
        self._packing = packing
        self._timeout_seconds = timeout_seconds
        self._heard: dict[int, float] = {}
        self._losses: Counter[tuple[int, bool]] = Counter()
        for trial in journal.trials.values():
            for measurement in trial.measurements:
                asha.judge(trial.id, measurement)

    def on_trial_result(
        self, tune_controller: TuneController, trial: RayTrial, result: dict[str, Any]
    ) -> str:
        """Record a batch of measurements; Ray stops the trial on STOP."""
        state = self._record(trial.config["trial"], result)
        return str(TrialScheduler.CONTINUE if state is TrialState.RUNNING else TrialScheduler.STOP)

    def on_trial_complete(
        self, tune_controller: TuneController, trial: RayTrial, result: dict[str, Any]
    ) -> None:
        """Record the last batch, which Ray passes here and not to ``on_trial_result``."""
        self._record(trial.config["trial"], result)

    def on_trial_error(self, tune_controller: TuneController, trial: RayTrial) -> None:
        """Fail a trial that lost its worker once too often; the search hands out any other again.

        Except from a node that is being taken away: then Ray does, and it counts for nothing.
        """
        id = trial.config["trial"]
        seconds = self._seconds(id)
        self._heard.pop(id, None)
        if not trial.num_failures:
            return
        error = Path(trial.error_file).read_text()
        unreachable = UNREACHABLE in error
        self._losses[id, unreachable] += 1
        most = UNREACHABLE_RETRIES if unreachable else WORKER_RETRIES
        running = self._journal.trials[id].state is TrialState.RUNNING
        if running and self._losses[id, unreachable] > most:
            lacked, reason = _loss(error)
            self._journal.append(Ended(id, TrialState.FAILED, redact(reason), seconds, lacked))

    def choose_trial_to_run(self, tune_controller: TuneController) -> RayTrial | None:
        """The newest that is pending, to which Ray gives a worker that is free.

        The older ones wait for workers of their own to start, which Ray would call off, only to
        start the next: trials shorter than a start would all run in the first worker, and the
        others never come up. Ray asks ten times a second and more: the moment to end trials that
        hang.
        """
        now = time.monotonic()
        live: set[RayTrial] = tune_controller.get_live_trials()  # type: ignore[no-untyped-call]
        for trial in live:
            if trial.status == RayTrial.RUNNING and trial.temporary_state.ray_actor:
                heard = self._heard.setdefault(trial.config["trial"], now)
                if now - heard >= self._timeout_seconds:
                    self._end_silent(trial, trial.temporary_state.ray_actor)
        trials = reversed(tune_controller.get_trials())  # type: ignore[no-untyped-call]
        return next((trial for trial in trials if trial.status == RayTrial.PENDING), None)

    def _end_silent(self, trial: RayTrial, worker: "ray.actor.ActorHandle[Any]") -> None:
        id = trial.config["trial"]
        if self._journal.trials[id].state is TrialState.RUNNING:
            reason = f"no report for {self._timeout_seconds:g} s (budget.step_timeout)"
            self._journal.append(Ended(id, TrialState.FAILED, reason, self._seconds(id)))
        ray.kill(worker)

    def _seconds(self, id: int) -> float:
        """How long a trial has trained that cannot say so: until it was heard, and since then."""
        now = time.monotonic()
        return self._journal.trials[id].trained_seconds + now - self._heard.get(id, now)

    def _record(self, id: int, result: dict[str, Any]) -> TrialState:
        self._heard[id] = time.monotonic()
        trial = self._journal.trials[id]
        if trial.state is not TrialState.RUNNING:
            return trial.state
        events = self._used(id, result)
        ended = _ended(id, result["ended"])
        for fields in result["measurements"]:
            measurement = Measurement(**fields)
            if measurement.step <= trial.step:
                continue
            events.append(Measured(id, measurement))
            reason = self._asha.judge(id, measurement)
            if reason:
                ended = Ended(id, TrialState.STOPPED, reason, measurement.seconds)
                break
        if ended:
            self._heard.pop(id, None)
            events.append(self._again(ended) or ended)
        self._journal.append(*events)
        return self._journal.trials[id].state

    def _used(self, id: int, result: dict[str, Any]) -> list[Event]:
        usage: Usage | None = result.get("usage")
        return [Used(id, usage, self._packing.predicted_bytes(id))] if usage else []

    def _again(self, ended: Ended) -> Requeued | None:
        """In place of a failure for lack of GPU memory: another try with a larger share."""
        if ended.lacked is not Memory.GPU:
            return None
        share = self._packing.larger(ended.trial)
        return None if share is None else Requeued(ended.trial, share, ended.reason)


def _ended(id: int, end: tuple[str, str, float, Memory | None] | None) -> Ended | None:
    if end is None:
        return None
    state, reason, seconds, lacked = end
    # again, for the node of the trial may not know the secrets of this one
    return Ended(id, TrialState(state), redact(reason), seconds, lacked)


def _loss(error: str) -> tuple[Memory | None, str]:
    """Ray learns of a worker's end from a closed socket: neither signal nor exit code are known."""
    if "running low on memory" in error:
        return Memory.HOST, out_of(Memory.HOST, "Ray killed its worker process twice")
    if UNREACHABLE in error:
        return None, f"its worker process could not be reached {UNREACHABLE_RETRIES + 1} times"
    if "died" in error:
        return None, "its worker process died twice (killed, e.g. by signal 9, crashed, or left)"
    return None, f"its worker failed twice: {error.strip().splitlines()[-1]}"
