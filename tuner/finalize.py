"""The one training after the search: the best configuration, on training and validation data.

Only here is the test set touched, and once.
"""

from dataclasses import replace

import ray

from meta.study import Trial, TrialState
from tuner.context import Batch
from tuner.errors import NoTrialCompleted
from tuner.events import FinalFit
from tuner.session import Session
from tuner.worker import run_final_fit

POLL_SECONDS = 0.2


def final_fit(session: Session, best: Trial, held_out: object) -> FinalFit:
    """Train what ``best`` recommends in a worker and measure it on ``held_out``, the test data.

    Raises ``NoTrialCompleted`` if this training fails, which the search's did not, and
    ``Interrupted`` after a signal.
    """
    setting, allotment = replace(session.setting, rungs=()), session.allotment
    task = ray.remote(run_final_fit).options(
        num_cpus=allotment.cpu, num_gpus=allotment.gpu, max_retries=0
    )
    test = ray.put(held_out)
    fitting = task.remote(setting, session.data, test, best.recommended, session.config.seed)
    while not ray.wait([fitting], timeout=POLL_SECONDS)[0]:
        session.heed_signals()
    try:
        batches: list[Batch] = ray.get(fitting)
    except ray.exceptions.RayError:
        raise _failed("its worker process died") from None
    state, reason, seconds = batches[-1]["ended"]
    if state != TrialState.COMPLETED:
        raise _failed(reason.splitlines()[0])
    last = [fields for batch in batches for fields in batch["measurements"]][-1]
    return FinalFit(best.recommended, last["value"], last["metrics"], seconds)


def _failed(reason: str) -> NoTrialCompleted:
    return NoTrialCompleted(
        f"final fit: {reason}. The search's results are kept: `tuner resume` tries again,"
        " --no-finalize goes without."
    )
