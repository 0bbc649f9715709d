"""Runs the trials of a study on Ray Tune until they are all done or a limit is reached."""

import logging
import os
import tempfile
from collections.abc import Callable
from functools import partial
from typing import Any

from ray import tune

from meta.recommend import Recommendation
from meta.study import TrialState
from tuner.asha import Asha
from tuner.checkpoints import drop_when_ended
from tuner.events import Ended, Finished
from tuner.journal import Journal
from tuner.limits import Limits
from tuner.packing import Packing
from tuner.priors import load_prior
from tuner.resources import Allotment, predictor
from tuner.scheduler import StudyScheduler
from tuner.search import StudySearch
from tuner.session import Session
from tuner.worker import run_trial

MAX_PENDING = "TUNE_MAX_PENDING_TRIALS_PG"
"""How many actors Ray starts at the same time. Its default for a searcher is one after the other,
but a trial that waits for its actor is given one that has become free and its own is called off:
where trials are shorter than the start of an actor, all would run in the first one."""

TRIALS_PER_LEG = 1000
"""Of each trial Ray Tune keeps some 20 KB until its run is over. After so many a run of Tune ends,
and the next goes on from the journal as after an interruption."""


def run_trials(session: Session, final_fits: int = 0) -> None:
    """Run what is left of the study; raises ``Interrupted`` after a signal, resumable.

    Raises the journal's fault if it could not be written.

    Of the budget in GPU-hours it leaves what so many ``final_fits`` may need. When it returns,
    every trial has ended and the journal says why the study did.
    """
    journal, config, allotment = session.journal, session.config, session.allotment
    os.environ[MAX_PENDING] = str(allotment.concurrency)
    limits = Limits(journal, config.budget, session.signals, final_fits)
    packing = _packing(session)
    drop_when_ended(journal)
    while _left(session) and not limits.reason:
        _run_leg(session, limits, packing)
    session.heed_signals()
    _finish(journal, limits.reason or "all trials done", limits.gpu_hours)


def _left(session: Session) -> bool:
    """Whether a trial is to be started, or to be run again."""
    trials = session.journal.trials.values()
    running = any(trial.state is TrialState.RUNNING for trial in trials)
    return running or len(trials) < session.config.budget.trials


def _run_leg(session: Session, limits: Limits, packing: Packing) -> None:
    """Run as many trials as one run of Ray Tune may hold, or until a limit is reached."""
    journal = session.journal
    trainable = partial(run_trial, session.setting, session.data)
    with tempfile.TemporaryDirectory(prefix="warmtune-") as scratch:
        tuner = tune.Tuner(
            tune.with_resources(trainable, _resources(session.allotment)),
            tune_config=tune.TuneConfig(
                search_alg=_search(session, packing),
                scheduler=_scheduler(session, packing),
                num_samples=-1,  # the search ends it
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name=journal.study.id,
                storage_path=scratch,
                stop=limits,
                verbose=0,
            ),
        )
        _fit(tuner, journal)


def _fit(tuner: tune.Tuner, journal: Journal) -> None:
    logging.getLogger("ray.tune.tune").setLevel(logging.CRITICAL)  # lists trials that lost workers
    try:
        tuner.fit()
    except Exception:
        if journal.fault:
            raise journal.fault from None  # Ray wraps it into one of its own
        raise


def _resources(allotment: Allotment) -> dict[str, float] | Callable[[dict[str, Any]], Any]:
    """What Ray reserves for a trial; on a GPU, each trial says its share."""
    cpu = allotment.cpu
    if not allotment.gpu:
        return {"cpu": cpu}
    return lambda config: tune.PlacementGroupFactory([{"CPU": cpu, "GPU": config["gpu"]}])


def _packing(session: Session) -> Packing:
    """Knows what the study has shown so far, and follows it."""
    journal, gpus = session.journal, session.allotment.gpus
    packing = Packing(gpus, predictor(session.config), journal.ledger)
    if gpus.count:
        for trial in journal.trials.values():
            packing.learn(trial)
        journal.listen(partial(packing.hear, journal.trials))
    return packing


def _search(session: Session, packing: Packing) -> StudySearch:
    journal = session.journal
    past = journal.header["past"]
    return StudySearch(
        journal,
        [Recommendation(**point) for point in past["points"]],
        session.config.sampler,
        min(session.config.budget.trials, len(journal.trials) + TRIALS_PER_LEG),
        session.allotment.concurrency,
        packing,
        load_prior(journal.path.parent, bool(past["sources"])),
    )


def _scheduler(session: Session, packing: Packing) -> StudyScheduler:
    rungs, factor = session.setting.rungs, session.config.budget.reduction_factor
    asha = Asha(session.config.metric, rungs, factor)
    timeout = session.config.budget.step_timeout_seconds
    return StudyScheduler(session.journal, asha, packing, timeout)


def _finish(journal: Journal, reason: str, gpu_hours: float) -> None:
    running = [trial for trial in journal.trials.values() if trial.state is TrialState.RUNNING]
    stopped = [
        Ended(trial.id, TrialState.STOPPED, reason, trial.trained_seconds) for trial in running
    ]
    journal.append(*stopped, Finished(reason, gpu_hours))
