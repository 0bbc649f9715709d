"""One training from its beginning to its end, whatever the trainable does. Knows no Ray."""

import traceback
from collections.abc import Callable
from pathlib import Path

import trainables
from meta.space import Config
from meta.study import TrialState
from trainables.base import Trainable
from tuner.admission import out_of_memory, release
from tuner.context import TrialContext, TrialSetting
from tuner.home import redact
from tuner.measurement import BadReport, Diverged

TRACE_LINES = 20


def run_training(
    setting: TrialSetting,
    context: TrialContext,
    config: Config,
    admit: Callable[[Trainable], None] = lambda trainable: None,
) -> None:
    """Train ``config``; whatever the trainable does, the context learns how it ended.

    ``admit`` is called before the training and may end it like an error of its own.
    """
    state, reason, lacked = TrialState.COMPLETED, "", None
    try:
        trainable = trainables.get(setting.trainable)
        admit(trainable)
        _train(trainable, context, config)
    except Diverged as error:
        state, reason = TrialState.DIVERGED, str(error)
    except BadReport as error:
        state, reason = TrialState.FAILED, str(error)
    except Exception as error:
        state = TrialState.FAILED
        lacked, reason = out_of_memory(error) or (None, _reason(error))
    release()  # the error held the training's tensors until here
    context.end(state, reason, lacked)


def _train(trainable: Trainable, context: TrialContext, config: Config) -> None:
    """Train, and once more from the start if the checkpoint is what stands in the way."""
    try:
        trainable.train(config, context)
        if context.measured or not context.forget():
            return
    except (Diverged, BadReport):
        raise
    except Exception as error:
        if out_of_memory(error) or not context.forget():
            raise
    trainable.train(config, context)


def _reason(error: Exception) -> str:
    """Type, message and place in one line, then the end of the trace."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno}: {frames[-1].line})"
    trace = "".join(traceback.format_exception(error)).splitlines()[-TRACE_LINES:]
    return redact("\n".join([f"{type(error).__name__}: {error}{place}", *trace]))
