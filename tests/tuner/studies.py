"""Small studies and journals for the tests of the tuner."""

from pathlib import Path

from meta.space import Float, Int, SearchSpace
from meta.study import Measurement, Metric, Study, Task, Trial, TrialState
from tuner.events import Ended, Measured, Started
from tuner.journal import Journal
from tuner.packing import NO_GPUS, Packing

SPACE = SearchSpace({"x": Float(0.0, 1.0, default=0.9), "depth": Int(1, 5, default=2)})
METRIC = Metric("loss", "min", 0.0, 10.0)


def study(metric: Metric = METRIC, seed: int = 0) -> Study:
    return Study("study", Task("toy", "curve"), SPACE, metric, seed, "warm")


def journal(directory: Path, *trials: Trial, metric: Metric = METRIC) -> Journal:
    """A journal in which ``trials`` have happened, in order."""
    log = Journal.create(directory, study(metric), {"past": {"points": []}})
    for trial in trials:
        log.append(Started(trial.id, trial.config, trial.origin, trial.seed))
        log.append(*(Measured(trial.id, measurement) for measurement in trial.measurements))
        if trial.state is not TrialState.RUNNING:
            log.append(Ended(trial.id, trial.state, trial.reason, trial.seconds))
    return log


def trial(id: int, state: TrialState, *values: float) -> Trial:
    """A trial with one measurement a step."""
    measurements = tuple(Measurement(step, v, step / 10) for step, v in enumerate(values, 1))
    return Trial(id, {"x": id / 10, "depth": 2}, state, measurements, "", "tpe", id, 0.5)


def no_packing(log: Journal) -> Packing:
    """What a study without a GPU shares: nothing."""
    return Packing(NO_GPUS, lambda config: 0, log.ledger)
