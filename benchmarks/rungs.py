"""When may ASHA first stop a boosted tree? Replayed from the starter history's complete curves.

    python -m benchmarks.rungs

For each task the trials that were drawn by chance are tried in 60 random orders, one at a time,
under ASHA with its first rung after 1, 2, 3 or 5 of 10 steps, and without ASHA. The regret of the
best completed trial (0: the best of all trials, 1: their median) is taken when 30 trials were
tried, and when the steps of 12 complete trials were spent; each number is the median over the
orders. Beside it stands how early values are related to final ones.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from meta.study import Study, TrialState
from tuner.asha import Asha, rung_steps
from tuner.catalogue import configs
from tuner.starter import starter_studies

RESULTS = Path(__file__).parent / "results" / "rungs.json"
GRACES = (1, 2, 3, 5, 11)
"""Steps before the first rung; after 11 there is none."""
STEPS, FACTOR, ORDERS, TRIALS, COST = 10, 3, 60, 30, 120


def replay(study: Study, grace: int, order: NDArray[Any]) -> Iterator[tuple[int, float]]:
    """After each trial: the steps spent so far and the best final loss."""
    asha = Asha(study.metric, rung_steps(grace, FACTOR, STEPS), FACTOR)
    spent, best = 0, np.inf
    for place in order:
        trial = study.trials[place]
        stopped = next((m.step for m in trial.measurements if asha.judge(trial.id, m)), None)
        spent += stopped or STEPS
        if stopped is None and trial.value is not None:
            best = min(best, study.metric.loss(trial.value))
        yield spent, best


def regret(study: Study, grace: int) -> tuple[float, float]:
    """After ``TRIALS`` trials and after ``COST`` steps."""
    losses = [study.metric.loss(trial.value) for trial in study.ranking if trial.value is not None]
    found = []
    for seed in range(ORDERS):
        order = np.random.default_rng(seed).permutation(len(study.trials))
        path = list(replay(study, grace, order))
        afford = [best for spent, best in path if spent <= COST]
        found.append((path[TRIALS - 1][1], afford[-1]))
    scaled = (np.array(found) - min(losses)) / (np.median(losses) - min(losses))
    by_trials, by_cost = np.median(scaled, axis=0)
    return round(float(by_trials), 3), round(float(by_cost), 3)


def correlations(study: Study) -> dict[int, float]:
    """Spearman's, of the value at a step and the final one over all trials."""
    curves = np.array([[item.value for item in trial.measurements] for trial in study.trials])
    final = [trial.value for trial in study.trials]
    found = {step: spearmanr(curves[:, step - 1], final).statistic for step in (1, 2, 3, 5)}
    return {step: round(float(value), 2) for step, value in found.items()}


def main() -> None:
    result: dict[str, Any] = {}
    for study in starter_studies():
        drawn = study.id.endswith("-random") and study.task.id in configs()
        if not drawn or any(trial.state is not TrialState.COMPLETED for trial in study.trials):
            continue
        by_grace = {grace: regret(study, grace) for grace in GRACES}
        result[study.task.id] = {"correlation": correlations(study), "regret": by_grace}
        shown = "  ".join(f"{grace}: {a:.2f} {b:.2f}" for grace, (a, b) in by_grace.items())
        print(f"{study.task.id:24} {result[study.task.id]['correlation']}  {shown}", flush=True)
    means = {
        grace: np.mean([row["regret"][grace] for row in result.values()], axis=0).round(3).tolist()
        for grace in GRACES
    }
    print("mean regret after 30 trials, after 120 steps:", means)
    RESULTS.write_text(json.dumps({"tasks": result, "means": means}, indent=1) + "\n")


if __name__ == "__main__":
    main()
