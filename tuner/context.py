"""What a trainable reports to: checks each report, batches them, keeps checkpoints. Knows no Ray.

Reports travel to the driver in batches: a rung must be decided before the trial goes on, anything
else may wait up to ``FLUSH_SECONDS``.
"""

import json
import logging
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meta.study import Measurement, Metric, TrialState
from tuner.events import Memory
from tuner.gauge import Gauge
from tuner.measurement import checked
from tuner.usage import Usage

FLUSH_SECONDS = 1.0
PROGRESS_FILE = "progress.json"

Batch = dict[str, Any]


@dataclass(frozen=True)
class TrialSetting:
    """What all trials of a study share: how to train, measure and compare.

    ``rungs`` are the steps at which the driver decides whether a trial goes on; ``checkpoints``
    holds a folder per trial; ``code`` is a folder to import a user's trainable from; ``options``
    are what the task sets beside the space.
    """

    trainable: str
    model: str
    metric: Metric
    max_steps: int
    rungs: tuple[int, ...]
    checkpoints: Path
    device: str = "cpu"
    threads: int = 1
    code: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FinalPart:
    """What a final training gets and no trial: the test part, and the folder to make for the model.

    Without a ``folder`` the model is not kept.
    """

    held_out: object
    folder: Path | None = None


class TrialContext:
    """The ``trainables.base.Context`` of one trial; ``send`` takes its batches and may not return.

    A batch holds the new measurements, ``ended`` (None, or state, reason, seconds and the memory
    that was lacking), ``value``, the last one measured, and ``usage``, what was used since the
    batch before; no dict, for Ray flattens those. A checkpoint holds the measurements that were not
    sent when it was written. When the driver knows how the trial ended, it goes, by
    ``tuner.checkpoints`` and here by ``leave``.
    """

    def __init__(
        self,
        setting: TrialSetting,
        trial: int | str,
        seed: int,
        data: object,
        send: Callable[[Batch], None],
        final: FinalPart | None = None,
        gauge: Gauge | None = None,
    ) -> None:
        self.model = setting.model
        self.data = data
        self.seed = seed
        self.device = setting.device
        self.threads = setting.threads
        self.max_steps = setting.max_steps
        self.options = setting.options
        self.final = final is not None
        self.held_out = final.held_out if final else None
        self._final = final
        self._setting = setting
        self._send = send
        self._gauge = gauge
        self._used_steps = 0
        self.trial = trial
        self._may_come_back = False
        self._kept = setting.checkpoints / str(trial)
        self._fresh = setting.checkpoints / f"{trial}.new"
        self._batch: list[Measurement] = []
        self._last: Measurement | None = None
        self._restored = False
        self._inherited: Measurement | None = None
        self._sent = self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long the trial has trained, over a restart from a checkpoint."""
        return time.monotonic() - self._began

    @property
    def measured(self) -> bool:
        """Whether there is a measurement, be it one that came with a checkpoint."""
        return self._last is not None

    def report(
        self,
        step: int,
        value: float,
        metrics: Mapping[str, float] | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        """See ``trainables.base.Context``; raises ``Diverged`` or ``BadReport``."""
        new = checked(self._setting.metric, self.seconds, step, value, metrics, config)
        if self._last is None:
            self._used_steps = new.step - 1  # those before were made in an earlier attempt
        elif new.step <= self._last.step:
            return
        self._last = new
        self._batch.append(new)
        due = time.monotonic() - self._sent >= FLUSH_SECONDS
        if new.step < self.max_steps and (due or new.step in self._setting.rungs):
            self._flush(None)

    def open(self) -> None:
        """Say that the trial begins, and holds its resources from now."""
        self._flush(None)

    def end(self, state: TrialState, reason: str = "", lacked: Memory | None = None) -> None:
        """Send what is left and how the trial ended."""
        if state is TrialState.COMPLETED and not self.measured:
            state, reason = TrialState.FAILED, "reported no value"
        self._may_come_back = lacked is Memory.GPU
        if self.final:
            self.leave()
        self._flush((str(state), reason, self.seconds, lacked))

    def leave(self) -> None:
        """Drop the checkpoint, which may be on this disk alone, unless the trial may come back."""
        if not self._may_come_back:
            self._drop_checkpoints()

    def save(self, write: Callable[[Path], None]) -> None:
        """See ``trainables.base.Context``; on a full disk the old checkpoint is kept."""
        try:
            shutil.rmtree(self._fresh, ignore_errors=True)
            self._fresh.mkdir(parents=True)
            write(self._fresh)
            unsent = [measurement.to_json() for measurement in self._batch]
            progress = {"seconds": self.seconds, "unsent": unsent}
            (self._fresh / PROGRESS_FILE).write_text(json.dumps(progress))
            shutil.rmtree(self._kept, ignore_errors=True)
            self._fresh.rename(self._kept)
        except OSError as error:
            logging.warning("checkpoint not written, the trial goes on without it: %s", error)

    def restore(self) -> Path | None:
        """See ``trainables.base.Context``; a checkpoint that is not whole counts as none."""
        for folder in (self._kept, self._fresh):
            try:
                progress = json.loads((folder / PROGRESS_FILE).read_text())
                unsent = [Measurement.from_json(fields) for fields in progress["unsent"]]
                self._began = time.monotonic() - float(progress["seconds"])
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                continue
            self._restored = True
            self._go_on(unsent)
            return folder
        return None

    def _go_on(self, unsent: list[Measurement]) -> None:
        self._batch = unsent
        self._last = self._inherited = unsent[-1] if unsent else None
        self._used_steps = self._last.step if self._last else 0

    def keep(self, write: Callable[[Path], None]) -> None:
        """See ``trainables.base.Context``; raises ``RuntimeError`` in a trial."""
        if self._final is None:
            raise RuntimeError("keep: a trial keeps no model; ask context.final")
        if self._final.folder is not None:
            self._final.folder.mkdir(parents=True)
            write(self._final.folder)

    def forget(self) -> bool:
        """Drop a checkpoint from which the trial could not go on; False if there was none."""
        in_vain = self._restored and self._last is self._inherited
        if in_vain:
            logging.warning("%s: not usable, the trial starts anew", self._kept)
            self._drop_checkpoints()
            self._restored = False
            self._go_on([])
            self._began = time.monotonic()
        return in_vain

    def _drop_checkpoints(self) -> None:
        for folder in (self._kept, self._fresh):
            shutil.rmtree(folder, ignore_errors=True)

    def _flush(self, ended: tuple[str, str, float, Memory | None] | None) -> None:
        batch = {
            "measurements": [measurement.to_json() for measurement in self._batch],
            "ended": ended,
            "value": self._last.value if self._last else None,
            "usage": self._usage(),
        }
        self._batch = []
        self._sent = time.monotonic()
        self._send(batch)

    def _usage(self) -> Usage | None:
        if self._gauge is None:
            return None
        step = self._last.step if self._last else 0
        steps, self._used_steps = step - self._used_steps, step
        return self._gauge.take(steps)
