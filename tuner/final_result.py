"""What the best configuration came to on the test data: one value a seed, and their mean."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tuner.events import FinalFit

CONFIDENCE = 0.95


def final_seeds(study_seed: int, count: int) -> list[int]:
    """The seeds of the final fits: the study's own, then some that no other study shares."""
    others = (np.random.SeedSequence([study_seed, n]) for n in range(1, count))
    return [study_seed, *(int(sequence.generate_state(2)[1]) for sequence in others)]


@dataclass(frozen=True)
class FinalResult:
    """The final fits of a study, one for each seed, the study's own seed first.

    ``value`` is their mean. The seeds differ in the training alone: rows, split and configuration
    are the same, so the interval says nothing of other data.
    """

    fits: tuple[FinalFit, ...]

    @property
    def value(self) -> float:
        """The mean of the tuned metric over the seeds."""
        return float(np.mean([fit.value for fit in self.fits]))

    @property
    def margin(self) -> float | None:
        """Half of the 95 % t-interval of ``value``; None with a single seed."""
        n = len(self.fits)
        if n < 2:
            return None
        from scipy.stats import t

        spread = np.std([fit.value for fit in self.fits], ddof=1)
        return float(t.ppf((1 + CONFIDENCE) / 2, n - 1) * spread / math.sqrt(n))

    @property
    def metrics(self) -> dict[str, float]:
        """The mean of each other metric that all seeds have."""
        names = [name for name in self.fits[0].metrics if all(name in f.metrics for f in self.fits)]
        return {name: float(np.mean([fit.metrics[name] for fit in self.fits])) for name in names}

    @property
    def config(self) -> dict[str, Any]:
        """The configuration that was trained."""
        return dict(self.fits[0].config)

    @property
    def seconds(self) -> float:
        """How long the trainings took together."""
        return sum(fit.seconds for fit in self.fits)

    def text(self) -> str:
        """``0.612 ± 0.004 on test (3 seeds)``; of one seed the value alone."""
        if self.margin is None:
            return f"{self.value:.6g} on test"
        return f"{self.value:.6g} ± {self.margin:.2g} on test ({len(self.fits)} seeds)"

    def to_json(self) -> dict[str, Any]:
        """Mean, 95 % interval (None with one seed), and what each seed came to."""
        value, margin = self.value, self.margin
        return {
            "value": value,
            "interval": None if margin is None else [value - margin, value + margin],
            "metrics": self.metrics,
            "seeds": [
                {"seed": f.seed, "value": f.value, "metrics": f.metrics, "seconds": f.seconds}
                for f in self.fits
            ],
        }
