"""What meta-features give before the first trial: the order in which the past expects a task.

    python -m benchmarks.features

Each random study of the starter history is the new task in turn; the others are its past: first
all but those of its data set, then of these the most related, as many as a run is lent, then the
most related of all. The prior is fitted once and asked with several rules for kinship: none (all
studies count alike), and the nearest kin counting the more, the larger the exponent. Measured are
the rank correlation of the expected and the true order of the task's own configurations, and how
good the first, the best of three and of five expected ones are: 0 is the best of the task's
configurations, 1 the median.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from meta.arrays import Array
from meta.curves import outcomes
from meta.encoding import Encoding
from meta.features import relatedness
from meta.history import sift
from meta.prior import Prior, fit_prior
from meta.study import Study
from tuner.past import LENT, OTHER_MODEL
from tuner.starter import starter_studies

RESULTS = Path(__file__).parent / "results" / "features.json"
EXPONENTS = (0, 1, 2, 3, 4, 6, 8)
RANDOM_SEED = 1000
COLUMNS = ("rank correlation", "r1", "r3", "r5")


def kinship(related: Array, exponent: int) -> Array:
    """The rule of ``meta.prior`` with another exponent; 0 is for no kinship at all."""
    if exponent == 0:
        return np.zeros_like(related)
    shares = related**exponent
    return np.asarray(shares / shares.sum() * related.max())


def past_of(
    task: Study, studies: Sequence[Study], same_data: bool, most: int
) -> tuple[Prior, Array]:
    """The prior for a task from the others, and how related each of its sources is."""
    others = [
        study
        for study in studies
        if study.id != task.id and (same_data or study.task.dataset != task.task.dataset)
    ]
    kept = sift(others, task.task.model, task.space, task.metric).kept
    alike = [1 if study.task.model == task.task.model else OTHER_MODEL for study in kept]
    related = relatedness(task.features, [study.features for study in kept]) * np.array(alike)
    nearest = np.argsort(-related, kind="stable")[:most]
    by_id = {kept[place].id: related[place] for place in nearest}
    prior = fit_prior([kept[place] for place in nearest], Encoding(task.space), [*by_id.values()])
    assert prior is not None
    return prior, np.array([by_id[source] for source in prior.sources])


def row(prior: Prior, points: Array, losses: Array) -> list[float]:
    """The measures of one task under one rule."""
    expected = prior.expect(points).mean
    best, middle = losses.min(), np.median(losses)
    ranked = (losses[np.argsort(expected)] - best) / (middle - best)
    return [float(spearmanr(expected, losses)[0]), *(float(ranked[:n].min()) for n in (1, 3, 5))]


def table(studies: Sequence[Study], same_data: bool, most: int) -> dict[str, dict[str, float]]:
    """The means over all tasks, by exponent."""
    rows: dict[int, list[list[float]]] = {exponent: [] for exponent in EXPONENTS}
    for task in studies:
        if task.seed == RANDOM_SEED:
            prior, related = past_of(task, studies, same_data, most)
            told, encoding = outcomes(task), Encoding(task.space)
            points = encoding.points(encoding.units(told.configs))
            for exponent in EXPONENTS:
                asked = replace(prior, kinship=kinship(related, exponent))
                rows[exponent].append(row(asked, points, told.losses))
    return {
        str(exponent): dict(zip(COLUMNS, np.mean(values, axis=0).round(3).tolist(), strict=True))
        for exponent, values in rows.items()
    }


def main() -> None:
    """Print the tables and keep them."""
    studies = starter_studies()
    tables = {
        "without its data set, all": table(studies, False, len(studies)),
        f"without its data set, {LENT}": table(studies, False, LENT),
        f"with its data set, {LENT}": table(studies, True, LENT),
    }
    for name, lines in tables.items():
        print(f"\n{name}\n\n| exponent | {' | '.join(COLUMNS)} |\n|{'---|' * (len(COLUMNS) + 1)}")
        for exponent, values in lines.items():
            print(f"| {exponent} | {' | '.join(f'{value:.2f}' for value in values.values())} |")
    RESULTS.write_text(json.dumps({"date": date.today().isoformat(), **tables}, indent=2) + "\n")


if __name__ == "__main__":
    main()
