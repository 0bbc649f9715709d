"""What a run would do: everything is checked and nothing is run."""

from dataclasses import asdict, dataclass
from typing import Any

from meta.forecast import COVERAGE
from meta.study import Trial
from tuner.asha import rung_steps
from tuner.config import RunOptions, StudyConfig
from tuner.ledger import Ledger
from tuner.packing import Packing, Place
from tuner.past import Past, read_past
from tuner.resources import Allotment, allot, predictor, this_machine
from tuner.threads import one_thread


@dataclass(frozen=True)
class Plan:
    """The study as it would start on this machine."""

    config: StudyConfig
    arm: str
    past: Past
    rungs: tuple[int, ...]
    allotment: Allotment

    def to_json(self) -> dict[str, Any]:
        """Everything, as the one object of ``--json``."""
        return {
            "config": self.config.to_json(),
            "arm": self.arm,
            "past": self.past.to_json(),
            "rungs": [{"step": step, "goes_on": share} for step, share in self._rungs()],
            "cpu": self.allotment.cpu,
            "gpu": self.allotment.gpu,
            "concurrency": self.allotment.concurrency,
            "default": asdict(self.default_place) if self.allotment.gpus.is_auto else None,
        }

    def text(self) -> str:
        """The same for a reader."""
        config, budget = self.config, self.config.budget
        limits = [f"{budget.trials} trials"]
        if self.allotment.gpu:
            limits.append(f"{budget.gpu_hours:g} GPU-hours")
        if budget.time_seconds is not None:
            limits.append(f"{budget.time_seconds:g} s")
        mode = {"min": "minimise", "max": "maximise"}[config.metric.mode]
        return "\n".join(
            [
                f"{config.task.id}, {self.arm}, seed {config.seed}: {mode} {config.metric.name}"
                f" with {config.sampler}, at most {', '.join(limits)}",
                *self._places(),
                f"a trial has {budget.max_steps} steps; who goes on:",
                *(
                    f"  after step {step:>3}   the best {share:.0%}"
                    for step, share in self._rungs()
                ),
                *self._ahead(),
                self.past.text(),
            ]
        )

    def _places(self) -> list[str]:
        """What trials get of the machines, and what the default would."""
        allotment, gpus = self.allotment, self.allotment.gpus
        if not gpus.is_auto:
            return [
                f"{allotment.concurrency} trials at once, each {allotment.cpu:g} CPU,"
                f" {allotment.gpu:g} GPU"
            ]
        share, needed = self.default_place.gpu, self.default_place.needed_bytes
        return [
            f"at most {allotment.concurrency} trials at once, each {allotment.cpu:g} CPU, on"
            f" {gpus.count:g} {allotment.gpu_name or 'GPU'} with {gpus.bytes / 1e9:.0f} GB, shared"
            " by memory and throughput",
            f"the default configuration begins with {share:g} of a GPU ({needed / 1e9:.1f} GB)",
        ]

    @property
    def default_place(self) -> Place:
        """Where the default configuration would begin if it were the first trial."""
        packing = Packing(self.allotment.gpus, predictor(self.config), Ledger())
        place = packing.place(Trial(0, self.config.space.default()))
        assert place is not None  # nothing runs yet
        return place

    def _ahead(self) -> list[str]:
        """What to expect, and how well that was met by past studies."""
        ahead = self.past.forecast
        if ahead is None:
            return ["expected value: unknown, no past study of this task"]
        share = self.allotment.gpu
        unit, hours = ("GPU-hours", share) if share else ("hours of training", 1.0)
        low, expected, high = (
            hours * value for value in (ahead.hours.low, ahead.hours.expected, ahead.hours.high)
        )
        return [
            f"expected {self.config.metric.name} by {ahead.studies} past studies of this task"
            f" ({COVERAGE:.0%} intervals; they held for {ahead.held} of {ahead.checked}):",
            *(
                f"  after {n:>4} trials {value.expected:.5g} ({value.low:.5g} to {value.high:.5g})"
                for n, value in ahead.values.items()
            ),
            f"  {expected:.2g} {unit} ({low:.2g} to {high:.2g})",
        ]

    def _rungs(self) -> list[tuple[int, float]]:
        return [(step, 1 / self.config.budget.reduction_factor) for step in self.rungs]


@one_thread
def plan(config: StudyConfig, options: RunOptions) -> Plan:
    """Read the past and fit the trials on this machine; starts nothing."""
    budget = config.budget
    rungs = rung_steps(budget.grace_steps, budget.reduction_factor, budget.max_steps)
    allotment = allot(config.resources, [this_machine()])
    return Plan(config, options.arm, read_past(config, options), rungs, allotment)
