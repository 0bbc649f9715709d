"""Do the intervals and tests of ``tuner compare`` keep what they promise? By simulation.

    python -m benchmarks.comparison                  some minutes on one core

For each design (tasks, seeds, shape of the differences, whether effects differ between tasks) many
comparisons are drawn in which the true mean effect is known. Counted is how often the 95 % interval
held it, how often each test found an effect at 5 % where there was none, and how often the t-test
found an effect as large as the design was said to find in four of five repetitions (``power``). A
percentile interval, the usual choice, stands beside the studentised one.
"""

import argparse
import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tuner.comparison.statistics import (
    ALPHA,
    DRAWS,
    FEWEST_TASKS,
    Estimate,
    Groups,
    detectable,
    estimate,
    interval,
    t_test,
    wilcoxon,
)

RESULTS = Path(__file__).parent / "results" / "comparison.json"


@dataclass(frozen=True)
class Design:
    """``shape`` is that of the differences; ``spread`` the deviation of the tasks' true effects."""

    tasks: int
    seeds: int
    shape: str
    spread: float = 0.0

    @property
    def generalises(self) -> bool:
        return self.tasks >= FEWEST_TASKS

    def draw(self, random: np.random.Generator) -> Groups:
        """Differences with mean 0 and, within a task, deviation 1."""
        means = self.spread * random.normal(size=self.tasks)
        shapes: dict[str, Callable[[], NDArray[np.float64]]] = {
            "normal": lambda: random.normal(size=self.seeds),
            "skewed": lambda: random.exponential(size=self.seeds) - 1,
            "heavy tails": lambda: random.standard_t(5, self.seeds) / np.sqrt(5 / 3),
        }
        return [mean + shapes[self.shape]() for mean in means]


DESIGNS = [
    *(Design(1, seeds, shape) for seeds in (4, 5, 10) for shape in ("normal", "skewed")),
    Design(1, 5, "heavy tails"),
    *(Design(tasks, 5, shape) for tasks in (2, 4) for shape in ("normal", "skewed")),
    *(Design(tasks, 5, "normal", spread) for tasks in (6, 12) for spread in (0.0, 1.0)),
    Design(12, 5, "skewed", 1.0),
]


def simulate(design: Design, repetitions: int) -> dict[str, Any]:
    """The shares of the repetitions, with what chance alone may move them by."""
    random = np.random.default_rng([design.tasks, design.seeds, len(design.shape)])
    true_error = np.sqrt((1 / design.seeds + design.spread**2) / design.tasks)
    freedom = design.tasks - 1 if design.generalises else design.tasks * (design.seeds - 1)
    shift = _detectable(float(true_error), freedom)
    counts = dict.fromkeys(("held", "held_percentile", "t_false", "wilcoxon_false", "power"), 0)
    for _ in range(repetitions):
        groups = design.draw(random)
        span, found = interval(groups, design.generalises), estimate(groups, design.generalises)
        counts["held"] += span is None or span[0] <= 0 <= span[1]
        low, high = _percentile(groups, random)
        counts["held_percentile"] += low <= 0 <= high
        counts["t_false"] += (t_test(found) or 0.0) < ALPHA
        means = np.array([group.mean() for group in groups])
        flat = means if design.generalises else np.concatenate(groups)
        counts["wilcoxon_false"] += wilcoxon(flat) < ALPHA
        shifted = estimate([group + shift for group in groups], design.generalises)
        counts["power"] += (t_test(shifted) or 0.0) < ALPHA
    shares = {name: round(count / repetitions, 4) for name, count in counts.items()}
    return {**asdict(design), "generalises": design.generalises, **shares}


def _detectable(error: float, freedom: float) -> float:
    """What the design finds with a power of 80 % when its true error is known."""
    found = detectable(Estimate(0.0, error, freedom))
    assert found is not None
    return found


def _percentile(groups: Groups, random: np.random.Generator) -> tuple[float, float]:
    """The usual interval, over the tasks as given."""
    draws = [random.choice(group, (DRAWS // 5, len(group))).mean(1) for group in groups]
    low, high = np.quantile(np.mean(draws, axis=0), [ALPHA / 2, 1 - ALPHA / 2])
    return float(low), float(high)


def main() -> None:
    """Simulate every design, print the table and keep it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repetitions", type=int, default=1000)
    repetitions = parser.parse_args().repetitions
    rows = []
    for design in DESIGNS:
        rows.append(simulate(design, repetitions))
        print(rows[-1], flush=True)
    chance = stats.binom.interval(0.99, repetitions, ALPHA)
    result = {
        "date": date.today().isoformat(),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "repetitions": repetitions,
        "chance_of_5_percent": [float(bound) / repetitions for bound in chance],
        "designs": rows,
    }
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
