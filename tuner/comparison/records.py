"""What a comparison comes to: measured pairs, an effect with its uncertainty, and a verdict."""

from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Any, Literal

ALL_TASKS = "all tasks"


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that is measured once for each arm of a pair.

    Its values are in ``metric``, or in that of the task. On the ``difference`` scale an effect is
    candidate minus baseline and 0 means no effect; on the ``ratio`` scale it is candidate over
    baseline and 1 means no effect.
    """

    key: str
    title: str
    scale: Literal["difference", "ratio"]
    better: Literal["low", "high"]
    metric: str | None = None

    @property
    def neutral(self) -> float:
        """The effect that means none."""
        return 0.0 if self.scale == "difference" else 1.0


@dataclass(frozen=True, slots=True)
class Pair:
    """One measure of both arms on one task with one seed.

    ``unit`` is what one percent of a difference over all tasks refers to: the baseline's value.
    """

    task: str
    seed: int
    baseline: float
    candidate: float
    unit: float = 1.0


@dataclass(frozen=True, slots=True)
class Effect:
    """How much the candidate differs from the baseline, on one task or on ``ALL_TASKS``.

    ``effect`` with its 95 % interval ``low`` to ``high`` is on the scale of the measure, in
    ``unit``: that of the metric, ``%`` of the baseline's value over all tasks, ``x`` for a ratio.
    ``t_p`` and ``wilcoxon_p`` are two-sided and uncorrected, ``holm_p`` is ``t_p`` corrected over
    the tasks. ``cohens_d`` and ``rank_biserial`` are above 0 where the candidate is better.
    ``detectable`` is the smallest effect that would be found with a power of 80 %: a difference,
    or the factor by which the baseline would have to be larger or smaller. ``generalises`` says
    that the tasks count as drawn from more tasks like these. None stands for what so few or such
    equal pairs do not give, and for the means of values in percent over all tasks.
    """

    scope: str
    unit: str
    pairs: int
    better: int
    baseline: float | None
    candidate: float | None
    effect: float
    low: float | None
    high: float | None
    t_p: float | None
    wilcoxon_p: float | None
    holm_p: float | None
    cohens_d: float | None
    rank_biserial: float | None
    detectable: float | None
    generalises: bool
    verdict: str


@dataclass(frozen=True, slots=True)
class Result:
    """One measure of a contrast: its pairs, the effect on each task, and over all of them.

    ``overall`` is None for a single task, and where the tasks have no common unit.
    """

    measure: Measure
    pairs: tuple[Pair, ...]
    tasks: tuple[Effect, ...]
    overall: Effect | None

    @property
    def headline(self) -> Effect:
        """The effect that speaks for the whole."""
        return self.overall or self.tasks[0]

    @property
    def effects(self) -> tuple[Effect, ...]:
        """That on each task, then that over all of them."""
        return (*self.tasks, *([self.overall] if self.overall else []))

    @property
    def axis(self) -> str:
        """What all ``effects`` can be shown on."""
        return (
            "ratio" if self.measure.scale == "ratio" else "difference in % of the baseline's value"
        )

    def on_axis(self, effect: Effect) -> tuple[float, float | None, float | None]:
        """An effect with its interval on ``axis``."""
        factor = 1.0
        if self.measure.scale == "difference" and effect.unit != "%":
            units = [abs(pair.unit) for pair in self.pairs if pair.task == effect.scope]
            factor = 100 / fmean(units) if any(units) else 1.0
        low, high = (None if end is None else factor * end for end in (effect.low, effect.high))
        return factor * effect.effect, low, high


@dataclass(frozen=True, slots=True)
class Contrast:
    """A candidate arm against a baseline arm; the first result is the primary one."""

    baseline: str
    candidate: str
    results: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """The best value so far of an arm on a task: median and quartiles over its seeds.

    ``axis`` is ``trials`` (ended ones) or the cost: ``GPU-hours``, or ``training seconds`` where
    no GPU was used. A curve starts where every seed has a completed trial.
    """

    task: str
    arm: str
    axis: str
    metric: str
    seeds: int
    x: tuple[float, ...]
    median: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """What an arm used on a task, summed over its seeds; trials that run at once train at once.

    ``training_seconds`` and ``running_seconds`` are those of the search, ``final_seconds`` the
    training of the final fits. ``usage`` is the bill of both, as ``--json`` of a run shows it.
    """

    task: str
    arm: str
    studies: int
    trials: int
    training_seconds: float
    running_seconds: float
    final_seconds: float
    usage: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Arms of the same studies, compared.

    ``notes`` say what limits it, ``commands`` what to type to repeat it, ``environment`` names
    versions and machines.
    """

    tasks: tuple[str, ...]
    arms: tuple[str, ...]
    contrasts: tuple[Contrast, ...]
    curves: tuple[Curve, ...]
    costs: tuple[Cost, ...]
    notes: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Everything, as the one object of ``--json``."""
        return asdict(self)
