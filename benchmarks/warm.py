"""What the past saves on real data: four tasks, three arms, five seeds, as a user would compare.

    nice -n 10 python -m benchmarks.warm --data-dir ../shared/data

Two experiments, one after the other, of somebody who begins with no past but the starter history,
from which the data sets of the tasks are taken out. `first` is `tuner run TASKS --arms
tpe,cold,warm --repeats 5`, so its past is of other data alone; `again` is the same command with the
next five seeds, so its past has 15 studies of each task, too, on other splits of the data. `tuner
compare` is at the end of each. Run again, it goes on where it was interrupted: experiments stay in
``build/warm``. Tables, curves and the comparison are written to ``benchmarks/results/warm``.
The sampler tries the default first in a cold study, too: an arm ``default`` would run the same
configurations.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import fmean

from tuner.comparison.runs import read_finished
from tuner.importers.archive import write_archive
from tuner.starter import starter_studies

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "warm"
RESULTS = Path(__file__).parent / "results" / "warm"
EXPERIMENTS = ("first", "again")
ARMS = ("tpe", "cold", "warm")
TASKS = ("wine-quality-xgboost", "wine-quality-lightgbm", "adult-xgboost", "adult-lightgbm")
OWN = {"wine-quality", "adult"}
STARTER = BUILD / "starter.parquet"
WITH_STARTER = f"""
import sys, pathlib, tuner.cli, tuner.starter
tuner.starter.PATH = pathlib.Path({str(STARTER)!r})
sys.exit(tuner.cli.main())
"""


def tuner(*words: str) -> str:
    """What the command prints; its progress goes to the terminal."""
    environment = {**os.environ, "TUNER_HOME": str(BUILD / "home")}
    command = [sys.executable, "-c", WITH_STARTER, *words]
    return subprocess.run(
        command, check=True, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ).stdout


def experiment(name: str, seed: int, arguments: argparse.Namespace) -> None:
    """Run an experiment, or go on with it, and keep what it comes to."""
    place, data = BUILD / name, str(arguments.data_dir.absolute())
    where = ["--address", "local", "--data-dir", data]
    if place.is_dir():
        tuner("resume", str(place), *where)
    else:
        size = ["--repeats", str(arguments.repeats), "--trials", str(arguments.trials)]
        arms = ["--arms", ",".join(ARMS), "--final-seeds", "1", "--seed", str(seed)]
        tuner("run", *arguments.tasks, *arms, *size, "--out", str(place), *where)
    print(tuner("compare", str(place), "--export", str(RESULTS / name)))
    text = tuner("compare", str(place), "--json").replace(f"{ROOT}/", "")
    found = json.loads(text.replace(data, "DATA_DIR"))
    del found["curves"]  # the files drawn beside it show them
    found["percent below the default"] = below_default(place)
    (RESULTS / name / "comparison.json").write_text(json.dumps(found, indent=1) + "\n")


def below_default(place: Path) -> dict[str, dict[str, float]]:
    """How far each arm's best value is below the default's, of each task the mean over seeds."""
    below: dict[str, dict[str, list[float]]] = {}
    for run in map(read_finished, place.glob("*/tpe-*")):
        default = run.study.trials[0].value
        for arm in ARMS:
            best = read_finished(run.directory.with_name(f"{arm}-{run.study.seed}")).best
            assert default
            assert best
            arms = below.setdefault(run.study.task.id, {})
            arms.setdefault(arm, []).append(100 * (1 - best / default))
    return {task: {arm: fmean(of) for arm, of in arms.items()} for task, arms in below.items()}


def main() -> None:
    """Run both, the second with what the first has left."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--trials", type=int, default=30)
    arguments = parser.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    others = [study for study in starter_studies() if study.task.dataset not in OWN]
    write_archive(STARTER, others)
    for number, name in enumerate(EXPERIMENTS):
        experiment(name, number * arguments.repeats, arguments)


if __name__ == "__main__":
    main()
