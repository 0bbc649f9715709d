"""The trainings after the search: the best configuration, on training and validation data.

Only here is the test set touched, once for each seed. The model of the first seed is kept; which
seed tests best decides nothing.
"""

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray

from meta.study import Trial, TrialState
from tuner.config import StudyConfig
from tuner.context import Batch
from tuner.errors import EnvironmentFault, NoTrialCompleted
from tuner.events import FinalFit, Used
from tuner.rundir import MODEL_FOLDER
from tuner.scheduler import WORKER_RETRIES
from tuner.session import Session
from tuner.usage import Usage
from tuner.worker import Fitted, run_final_fit

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Attempt:
    """One training with one seed on a share of a GPU; ``lost`` workers came before.

    ``holds`` is what it has had since ``began`` (None: it waits for a place).
    """

    seed: int
    gpu: float
    lost: int = 0
    holds: Usage | None = None
    began: float = 0.0

    @property
    def usage(self) -> Usage:
        """What it has used until now, as far as this process can know."""
        if self.holds is None:
            return Usage()
        return replace(self.holds, seconds=time.monotonic() - self.began)


class FinalFits:
    """The final trainings of ``best`` that are left, no more at once than trials were.

    A lost worker is replaced as often as a trial's; a training that ran out of memory beside
    others is repeated with a GPU of its own; one that takes longer than its steps may, is ended.
    Every result is in the journal before the next is looked at, so that an interruption repeats
    none of them.
    """

    def __init__(self, session: Session, best: Trial, held_out: object) -> None:
        self._session = session
        self._best = best
        self._test = ray.put(held_out)
        self._steps = _steps(best, session.setting.max_steps, session.config)
        self._deadline_seconds = self._steps * session.config.budget.step_timeout_seconds
        self._running: dict[Any, Attempt] = {}
        self._failed: list[str] = []

    def run(self, seeds: list[int]) -> None:
        """Train and test with each of the seeds; the model of the study's own seed is kept.

        Raises ``NoTrialCompleted`` if a training fails, which the search's did not, and
        ``Interrupted`` after a signal.
        """
        places, waiting = self._session.allotment.concurrency, list(seeds)
        try:
            while waiting or self._running:
                while waiting and len(self._running) < places:
                    self._start(Attempt(waiting.pop(0), self._session.allotment.gpu))
                for task in ray.wait([*self._running], timeout=POLL_SECONDS)[0]:
                    self._hear(task)
                self._end_hanging()
                self._session.heed_signals()
        finally:
            self._end(*self._running)
        if self._failed:
            raise NoTrialCompleted(*(_advice(why) for why in dict.fromkeys(self._failed)))

    def _start(self, attempt: Attempt) -> None:
        session = self._session
        setting = replace(session.setting, rungs=(), max_steps=self._steps)
        task = ray.remote(run_final_fit).options(
            num_cpus=session.allotment.cpu,
            num_gpus=attempt.gpu,
            num_returns="streaming",
            max_retries=0,
        )
        keeps = attempt.seed == session.config.seed
        training = task.remote(
            setting,
            session.data,
            self._test,
            self._best.recommended,
            attempt.seed,
            attempt.gpu,
            keeps,
        )
        self._running[training] = attempt

    def _hear(self, task: Any) -> None:
        """Take what a training gave: that it has begun, or what it came to; or its worker died."""
        attempt = self._running[task]
        try:
            given: Usage | Fitted = ray.get(next(task))
        except ray.exceptions.RayError:
            self._end(task)
            if attempt.lost < WORKER_RETRIES:
                return self._start(Attempt(attempt.seed, attempt.gpu, attempt.lost + 1))
            return self._failed.append("its worker process died")
        if isinstance(given, Usage):
            self._running[task] = replace(attempt, holds=given, began=time.monotonic())
            return None
        del self._running[task]
        return self._take(attempt, given)

    def _end_hanging(self) -> None:
        limit = self._deadline_seconds
        for task, attempt in [*self._running.items()]:
            if attempt.usage.seconds >= limit:
                self._end(task)
                self._failed.append(f"no result after {limit:g} s (budget.step_timeout, each step)")

    def _end(self, *tasks: Any) -> None:
        """Kill trainings; what those used that had begun is counted."""
        for task in tasks:
            ray.cancel(task, force=True)
        lost = [self._running.pop(task) for task in tasks]
        used = [Used(None, attempt.usage) for attempt in lost if attempt.holds]
        if used and self._session.journal.fault is None:
            self._session.journal.append(*used)

    def _take(self, attempt: Attempt, fitted: Fitted) -> None:
        usages = [batch["usage"] for batch in fitted.batches]
        self._session.journal.append(Used(None, sum(usages, Usage())))
        state, reason, seconds, lacked = fitted.batches[-1]["ended"]
        if state == TrialState.COMPLETED:
            return self._record(attempt.seed, fitted, seconds)
        if lacked and 0 < attempt.gpu < 1:
            return self._start(Attempt(attempt.seed, 1.0, attempt.lost))
        return self._failed.append(reason.splitlines()[0])

    def _record(self, seed: int, fitted: Fitted, seconds: float) -> None:
        journal, last = self._session.journal, _last(fitted.batches)
        if fitted.model:
            keep_model(journal.path.parent, fitted.model)
        config = self._best.recommended
        journal.append(FinalFit(config, last["value"], last["metrics"], seconds, seed))


def keep_model(directory: Path, files: Mapping[str, bytes]) -> None:
    """Put the files of a model into its folder of the run directory, whole or not at all."""
    folder, fresh = directory / MODEL_FOLDER, directory / f"{MODEL_FOLDER}.new"
    try:
        for old in (folder, fresh):
            shutil.rmtree(old, ignore_errors=True)
        for name, content in files.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        fresh.rename(folder)
    except OSError as error:
        raise EnvironmentFault(
            f"{folder}: cannot keep the model ({error.strerror}). Free space or mend the"
            f" directory, then `tuner resume {directory}`."
        ) from None


def _last(batches: list[Batch]) -> dict[str, Any]:
    measured: list[dict[str, Any]] = [
        fields for batch in batches for fields in batch["measurements"]
    ]
    return measured[-1]


def _advice(reason: str) -> str:
    return (
        f"final fit: {reason}. The search's results are kept: `tuner resume` tries again,"
        " --no-finalize goes without."
    )


def _steps(best: Trial, most: int, config: StudyConfig) -> int:
    """How long to train ``best`` anew: in full, or until its best value if it was stopped early.

    See I. Goodfellow et al., Deep Learning (2016), algorithm 7.2.
    """
    if not config.model.early_stopping or not 0 < best.step < most:
        return most
    return min(best.measurements, key=lambda seen: config.metric.loss(seen.value)).step
