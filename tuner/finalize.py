"""The one training after the search: the best configuration, on training and validation data.

Only here is the test set touched, and once.
"""

from dataclasses import replace

from meta.space import Config
from meta.study import TrialState
from tuner.context import Batch, TrialContext, TrialSetting, run
from tuner.errors import NoTrialCompleted
from tuner.journal import Tested


def final_fit(setting: TrialSetting, data: object, config: Config, seed: int) -> Tested:
    """Train ``config`` and measure it on the test data.

    Raises ``NoTrialCompleted`` if this training fails, which the search's did not.
    """
    batches: list[Batch] = []
    context = TrialContext(
        replace(setting, rungs=()), "final", seed, data, batches.append, final=True
    )
    run(setting, context, config)
    state, reason, seconds = batches[-1]["ended"]
    if state != TrialState.COMPLETED:
        raise NoTrialCompleted(
            f"final fit: {reason.splitlines()[0]}. The search's results are kept: `tuner resume`"
            " tries again, --no-finalize goes without."
        )
    last = [fields for batch in batches for fields in batch["measurements"]][-1]
    return Tested(config, last["value"], last["metrics"], seconds)
