"""A past that is spoiled, foreign, large or hostile, without Ray.

The past are ten studies of 40 trials whose optima lie near the new study's; regret is the best loss
of its first ten trials (the least possible is 0), the mean over three seeds.
"""

import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean

from benchmarks.bulk_store import build
from meta.encoding import Encoding
from meta.history import Sifted, sift
from meta.prior import fit_prior
from meta.recommend import recommend
from meta.study import Metric, Study
from tests.meta.records import CUBE, LOSS, bowls
from tests.meta.test_history import DRIFTS, GOOD, RMSE, SPACE
from tests.meta.test_history import study as past_study
from tests.meta.test_history import trial as past_trial
from tests.safety.test_poisoned_history import SEEDS, STUDIES, past, regret

FLOAT_MAX = sys.float_info.max
LARGE_STUDIES, LARGE_TRIALS = 10_000, 10

Figures = dict[str, object]


def _valued(value: Callable[[float], float], study: Study) -> Study:
    """The study with other values than it measured."""
    trials = tuple(
        replace(
            trial,
            measurements=tuple(
                replace(item, value=value(item.value)) for item in trial.measurements
            ),
        )
        for trial in study.trials
    )
    return replace(study, trials=trials)


SPOILERS: dict[str, Callable[[Study], Study]] = {
    "nan": partial(_valued, lambda _: math.nan),
    "infinite": partial(_valued, lambda _: -math.inf),
    "1.797e308": partial(_valued, lambda _: -FLOAT_MAX),
    "constant": partial(_valued, lambda _: 0.5),
    "other mode": lambda study: replace(study, metric=Metric(LOSS.name, "max")),
}


def spoiled(seed: int, share: float) -> list[Study]:
    """Ten studies, of which a share is spoiled, each in another way."""
    studies = bowls(STUDIES, seed)
    kinds = list(SPOILERS.values())
    bad = round(share * STUDIES)
    return [kinds[n % len(kinds)](s) if n < bad else s for n, s in enumerate(studies)]


def _sifted(studies: list[Study]) -> Sifted:
    return sift(studies, "model", CUBE, LOSS)


def spoiled_values(folder: Path) -> Figures:
    shares = (0.0, 0.3, 0.5, 1.0)
    cold = fmean(regret(seed, []) for seed in SEEDS)
    figures: Figures = {"regret without a past": _short(cold)}
    for share in shares:
        found = fmean(regret(seed, spoiled(seed, share)) for seed in SEEDS)
        figures[f"with {share:.0%} spoiled"] = _short(found)
    refused = _sifted(spoiled(0, 1.0)).refused
    figures["studies and trials refused of the last"] = len(refused)
    return figures


def drifted_spaces(folder: Path) -> Figures:
    """Whether what is recommended from a past of another space lies in ours."""
    encoding = Encoding(SPACE)
    as_expected = valid = points = 0
    for _, config, expected in DRIFTS:
        drifted = past_study("a", past_trial(0, config, 0.5), past_trial(1, GOOD, 0.6))
        sifted = sift([drifted], "trees", SPACE, RMSE)
        refused = any(item.trial_id == 0 for item in sifted.refused)
        as_expected += refused == isinstance(expected, str)
        found = recommend(fit_prior(sifted.kept, encoding), encoding, 5, {})
        points += len(found)
        valid += sum(not SPACE.problems(point.config) for point in found)
    return {
        "drifts": len(DRIFTS),
        "mapped or refused as they should be": as_expected,
        "points recommended": points,
        "of them valid": valid,
    }


LEARN = """
import json, sys, time
from benchmarks.bulk_store import EXPERIMENT, SPACE
from benchmarks.history import peak_mb
from meta.study import Metric, Task
from tuner.config import RunOptions, StudyConfig, Tracking, WarmStart
from tuner.past import read_past
from tuner.tracking.store import connect

uri = f"sqlite:///{sys.argv[1]}"
connect(uri).get_experiment_by_name(EXPERIMENT)
config = StudyConfig(
    Task("wine", "trees"), "toy", Metric("rmse", "min"), SPACE,
    warm_start=WarmStart(starter=False), tracking=Tracking(uri, EXPERIMENT),
)
began = time.perf_counter()
past = read_past(config, RunOptions())
seconds = time.perf_counter() - began
print(json.dumps([seconds, peak_mb(), len(past.sources), len(past.points)]))
"""


def large_store(folder: Path) -> Figures:
    """Read and learn from 10,000 studies of ten trials; the second time, nothing is new."""
    path = build(folder, LARGE_STUDIES, LARGE_TRIALS)
    figures: Figures = {"studies": LARGE_STUDIES, "trials": LARGE_STUDIES * LARGE_TRIALS}
    for name in ("first", "second"):
        command = [sys.executable, "-c", LEARN, str(path)]
        run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        seconds, megabytes, sources, points = json.loads(run.stdout.splitlines()[-1])
        assert points
        figures |= {f"{name} time s": round(seconds, 1), f"{name} time MB": round(megabytes)}
        figures["studies learned from"] = sources
    return figures


def adversary(folder: Path) -> Figures:
    """Three of ten studies praise the opposite corner beyond all."""
    encoding = Encoding(CUBE)
    lies = points = 0
    for seed in SEEDS:
        found = recommend(fit_prior(past(seed, 3), encoding), encoding, 5, {})
        points += len(found)
        lies += sum(any("lie" in source for source in point.sources) for point in found)
    return {
        "recommended points": points,
        "of them from the adversary": lies,
        "regret of an honest past": _short(fmean(regret(s, past(s, 0)) for s in SEEDS)),
        "of the poisoned one": _short(fmean(regret(s, past(s, 3)) for s in SEEDS)),
        "of none": _short(fmean(regret(s, []) for s in SEEDS)),
    }


def _short(value: float) -> float:
    return float(f"{value:.2g}")
