"""The trainings after the search: the best configuration, on training and validation data.

Only here is the test set touched, once for each seed. The model of the first seed is kept; which
seed tests best decides nothing.
"""

import shutil
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
OUT_OF_MEMORY = "out of memory"


@dataclass(frozen=True)
class Attempt:
    """One training with one seed on a share of a GPU; ``lost`` workers came before."""

    seed: int
    gpu: float
    lost: int = 0


class FinalFits:
    """The final trainings of ``best`` that are left, no more at once than trials were.

    A lost worker is replaced as often as a trial's; a training that ran out of memory beside
    others is repeated with a GPU of its own. Every result is in the journal before the next is
    looked at, so that an interruption repeats none of them.
    """

    def __init__(self, session: Session, best: Trial, held_out: object) -> None:
        self._session = session
        self._best = best
        self._test = ray.put(held_out)
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
                    self._end(task)
                self._session.heed_signals()
        finally:
            for task in self._running:
                ray.cancel(task, force=True)
        if self._failed:
            raise NoTrialCompleted(*(_advice(why) for why in dict.fromkeys(self._failed)))

    def _start(self, attempt: Attempt) -> None:
        session = self._session
        steps = _steps(self._best, session.setting.max_steps, session.config)
        setting = replace(session.setting, rungs=(), max_steps=steps)
        task = ray.remote(run_final_fit).options(
            num_cpus=session.allotment.cpu, num_gpus=attempt.gpu, max_retries=0
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

    def _end(self, task: Any) -> None:
        attempt = self._running.pop(task)
        try:
            fitted: Fitted = ray.get(task)
        except ray.exceptions.RayError:
            if attempt.lost < WORKER_RETRIES:
                return self._start(replace(attempt, lost=attempt.lost + 1))
            return self._failed.append("its worker process died")
        usages = [batch["usage"] for batch in fitted.batches]
        self._session.journal.append(Used(None, sum(usages, Usage())))
        state, reason, seconds = fitted.batches[-1]["ended"]
        if state == TrialState.COMPLETED:
            return self._record(attempt.seed, fitted, seconds)
        if OUT_OF_MEMORY in reason.lower() and 0 < attempt.gpu < 1:
            return self._start(replace(attempt, gpu=1.0))
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
