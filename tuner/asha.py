"""Asynchronous successive halving, the variant that stops: which trials are not worth going on.

A trial that reaches a rung goes on if its value is among the best ``1 / reduction_factor`` of all
that have reached the rung, itself included; while fewer than ``reduction_factor`` have, it always
does. Source: Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020,
https://arxiv.org/abs/1810.05934, in the stopping form described by Klein et al., "Model-based
Asynchronous Hyperparameter and Neural Architecture Search", 2020, https://arxiv.org/abs/2003.10865.
"""

from bisect import insort

from meta.study import Measurement, Metric


def rung_steps(grace_steps: int, reduction_factor: int, max_steps: int) -> tuple[int, ...]:
    """The steps at which trials are compared: ``grace · factor^k``.

    The last is one from which a factor of ``reduction_factor`` is still to come, as in the source:
    to stop a trial that has nearly ended saves little and loses its final value.
    """
    steps = []
    step = grace_steps
    while step * reduction_factor <= max_steps:
        steps.append(step)
        step *= reduction_factor
    return tuple(steps)


class Asha:
    """The rungs of one study; the same measurements in the same order give the same verdicts."""

    def __init__(self, metric: Metric, steps: tuple[int, ...], reduction_factor: int) -> None:
        self._metric = metric
        self._factor = reduction_factor
        self._losses: dict[int, list[float]] = {step: [] for step in steps}
        self._reached: set[tuple[int, int]] = set()

    def judge(self, trial: int, measurement: Measurement) -> str | None:
        """Enter a measurement; the reason to stop the trial, or None to let it go on."""
        verdict = None
        for step in self._losses:
            if measurement.step >= step and (trial, step) not in self._reached:
                self._reached.add((trial, step))
                verdict = self._enter(step, measurement.value) or verdict
        return verdict

    def _enter(self, step: int, value: float) -> str | None:
        losses = self._losses[step]
        loss = self._metric.loss(value)
        insort(losses, loss)
        if len(losses) < self._factor:
            return None
        cutoff = losses[len(losses) // self._factor - 1]
        if loss <= cutoff:
            return None
        bound = self._metric.loss(cutoff)
        return f"at step {step} {value:.6g}, best 1/{self._factor} is {bound:.6g}"
