"""A study while it runs on a Ray: what its trials and its final fit share."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.asha import rung_steps
from tuner.checkpoints import FOLDER
from tuner.cluster import Cluster
from tuner.config import StudyConfig
from tuner.context import TrialSetting
from tuner.errors import Interrupted
from tuner.events import Allotted
from tuner.journal import Journal
from tuner.lifeline import watched
from tuner.resources import Allotment, allot
from tuner.signals import Signals

if TYPE_CHECKING:
    from ray import ObjectRef


@dataclass(frozen=True)
class Session:
    """One stretch of work on a study.

    ``data`` refers to the trainable's data, which are in Ray's object store once.
    """

    journal: Journal
    config: StudyConfig
    allotment: Allotment
    setting: TrialSetting
    data: "ObjectRef[Any]"
    signals: Signals

    def heed_signals(self) -> None:
        """Raise ``Interrupted`` if a signal asked to stop."""
        number = self.signals.received
        if number is not None:
            directory = self.journal.path.parent
            raise Interrupted(number, f"interrupted. Go on with `tuner resume {directory}`.")


@contextmanager
def session(
    journal: Journal, config: StudyConfig, cluster: Cluster, payload: object
) -> Iterator[Session]:
    """Fit the trials on the nodes of the cluster and share the data."""
    with Signals() as signals, watched(journal.path.parent, *cluster.lifelines):
        allotment = allot(config.resources, cluster.machines(config.resources))
        journal.restart_clock()
        journal.append(_allotted(allotment, cluster.mps))
        import ray

        setting = _setting(config, journal.path.parent, allotment)
        yield Session(journal, config, allotment, setting, ray.put(payload), signals)


def _allotted(allotment: Allotment, mps_said: str) -> Allotted:
    gpus = allotment.gpus
    return Allotted(
        cpu=allotment.cpu,
        gpu=gpus.asked,
        concurrency=allotment.concurrency,
        gpus=gpus.count,
        gpu_name=allotment.gpu_name,
        gpu_bytes=gpus.bytes,
        mps=mps_said,
    )


def _setting(config: StudyConfig, directory: Path, allotment: Allotment) -> TrialSetting:
    budget = config.budget
    return TrialSetting(
        trainable=config.trainable,
        model=config.task.model,
        metric=config.metric,
        max_steps=budget.max_steps,
        rungs=rung_steps(budget.grace_steps, budget.reduction_factor, budget.max_steps),
        checkpoints=directory / FOLDER,
        device=allotment.device,
        threads=allotment.threads,
        code=Path(config.code) if config.code else None,
        options=config.model.given,
    )
