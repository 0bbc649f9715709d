"""Runs the trials of a study on Ray Tune until they are all done or a limit is reached."""

import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from meta.recommend import Recommendation
from meta.study import TrialState
from tuner.asha import Asha, rung_steps
from tuner.cluster import connected
from tuner.config import StudyConfig
from tuner.context import TrialSetting
from tuner.errors import Interrupted
from tuner.journal import Ended, Finished, Journal
from tuner.resources import Allotment, allot


def trial_setting(
    config: StudyConfig, directory: Path, allotment: Allotment | None = None
) -> TrialSetting:
    """How each trial is trained; without an allotment, on all CPUs of this machine."""
    budget = config.budget
    return TrialSetting(
        trainable=config.trainable,
        model=config.task.model,
        metric=config.metric,
        max_steps=budget.max_steps,
        rungs=rung_steps(budget.grace_steps, budget.reduction_factor, budget.max_steps),
        checkpoints=directory / "checkpoints",
        device=allotment.device if allotment else "cpu",
        threads=allotment.threads if allotment else os.cpu_count() or 1,
        code=Path(config.code) if config.code else None,
    )


def run_trials(journal: Journal, config: StudyConfig, address: str, data: object) -> None:
    """Run what is left of the study; raises ``Interrupted`` after a signal, resumable.

    When it returns, every trial has ended and the journal says why the study did.
    """
    with connected(address) as nodes:
        from tuner.limits import Limits, Signals

        allotment = allot(config.resources, nodes)
        with Signals() as signals:
            limits = Limits(journal, config.budget, allotment.gpu, signals)
            _fit(journal, config, allotment, limits, data)
    if signals.received is not None:
        raise Interrupted(
            signals.received,
            f"{limits.reason}. Go on with `tuner resume {journal.path.parent}`.",
        )
    _finish(journal, limits.reason or "all trials done", limits.gpu_hours)


def _fit(
    journal: Journal, config: StudyConfig, allotment: Allotment, limits: Any, data: object
) -> None:
    import ray
    from ray import tune

    from tuner.scheduler import WORKER_RETRIES, StudyScheduler
    from tuner.search import StudySearch
    from tuner.worker import run_trial

    setting = trial_setting(config, journal.path.parent, allotment)
    points = [Recommendation(**point) for point in journal.header["past"]["points"]]
    trials = config.budget.trials
    ended = sum(trial.state is not TrialState.RUNNING for trial in journal.trials.values())
    trainable = partial(run_trial, setting, ray.put(data))
    with tempfile.TemporaryDirectory(prefix="warmtune-") as scratch:
        tune.Tuner(
            tune.with_resources(trainable, {"cpu": allotment.cpu, "gpu": allotment.gpu}),
            tune_config=tune.TuneConfig(
                search_alg=StudySearch(
                    journal, points, config.sampler, trials, allotment.concurrency
                ),
                scheduler=StudyScheduler(
                    journal, Asha(config.metric, setting.rungs, config.budget.reduction_factor)
                ),
                num_samples=trials - ended,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name=journal.study.id,
                storage_path=scratch,
                stop=limits,
                failure_config=tune.FailureConfig(max_failures=WORKER_RETRIES),
                verbose=0,
            ),
        ).fit()


def _finish(journal: Journal, reason: str, gpu_hours: float) -> None:
    stopped = [
        Ended(trial.id, TrialState.STOPPED, reason, trial.measurements[-1].seconds)
        if trial.measurements
        else Ended(trial.id, TrialState.STOPPED, reason)
        for trial in journal.trials.values()
        if trial.state is TrialState.RUNNING
    ]
    journal.append(*stopped, Finished(reason, gpu_hours))
