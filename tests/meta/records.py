"""Studies for the tests of the meta-learner, made of configurations and values."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from meta.space import Config, Float, SearchSpace
from meta.study import Measurement, Metric, Study, Task, Trial, TrialState

UNIT = Float(0.0, 1.0)
CUBE = SearchSpace({"x": UNIT, "y": UNIT, "z": UNIT})
LOSS = Metric("loss", "min")

Objective = Callable[[Config], float]


def curve(*values: float) -> tuple[Measurement, ...]:
    """Measurements at the steps 1, 2, …"""
    return tuple(Measurement(step, value, 0.0) for step, value in enumerate(values, 1))


def trial(
    number: int, config: Config, *values: float, state: TrialState = TrialState.COMPLETED
) -> Trial:
    return Trial(number, config, state, curve(*values))


def study(
    trials: Iterable[Trial],
    space: SearchSpace = CUBE,
    metric: Metric = LOSS,
    name: str = "own",
) -> Study:
    return Study(name, Task(name, "model"), space, metric, 0, "warm", tuple(trials))


def evaluated(
    configs: Sequence[Config],
    objective: Objective,
    space: SearchSpace = CUBE,
    name: str = "own",
) -> Study:
    """A study that completed each of the configurations."""
    rows = enumerate(configs)
    return study((trial(i, config, objective(config)) for i, config in rows), space, name=name)


def at_random(count: int, seed: int, space: SearchSpace = CUBE) -> list[Config]:
    """Configurations of a space of numbers in [0, 1], spread by chance."""
    rows = np.random.default_rng(seed).random((count, len(space.parameters))).tolist()
    return [dict(zip(space.parameters, row, strict=True)) for row in rows]


def bowl(*centre: float) -> Objective:
    """The squared distance to the centre, of a configuration of as many numbers."""

    def distance(config: Config) -> float:
        pairs = zip(config.values(), centre, strict=False)
        return sum((float(value) - middle) ** 2 for value, middle in pairs)

    return distance


def bowls(count: int, seed: int, trials: int = 40) -> list[Study]:
    """Past studies whose objectives are alike: bowls around neighbouring centres."""
    generator = np.random.default_rng(seed)
    centres = 0.3 + 0.08 * generator.standard_normal((count, 3))
    return [
        evaluated(at_random(trials, 100 * seed + i), bowl(*centre), name=f"past {i}")
        for i, centre in enumerate(centres)
    ]
