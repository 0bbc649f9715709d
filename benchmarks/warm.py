"""What the past saves on real data: four tasks, three arms, five seeds, as a user would compare.

    nice -n 10 python -m benchmarks.warm --data-dir ../shared/data

It is one experiment (`tuner run TASKS --arms tpe,cold,warm --repeats 5`) of somebody who has no
past but the starter history, from which the data sets of the tasks are taken out, and
`tuner compare` at its end. Run again, it goes on where it was interrupted: the experiment stays in
``build/warm``. The tables and curves are written to ``benchmarks/results/warm``. The sampler tries
the default first in a cold study, too: an arm ``default`` would run the same configurations.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from tuner.importers.archive import write_archive
from tuner.starter import starter_studies

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "warm"
EXPERIMENT = BUILD / "experiment"
RESULTS = Path(__file__).parent / "results" / "warm"
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--trials", type=int, default=30)
    arguments = parser.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    others = [study for study in starter_studies() if study.task.dataset not in OWN]
    write_archive(STARTER, others)
    where = ["--address", "local", "--data-dir", str(arguments.data_dir.absolute())]
    if EXPERIMENT.is_dir():
        tuner("resume", str(EXPERIMENT), *where)
    else:
        size = ["--repeats", str(arguments.repeats), "--trials", str(arguments.trials)]
        words = ["--arms", "tpe,cold,warm", "--final-seeds", "1", "--out", str(EXPERIMENT)]
        tuner("run", *arguments.tasks, *words, *size, *where)
    print(tuner("compare", str(EXPERIMENT), "--export", str(RESULTS)))
    text = tuner("compare", str(EXPERIMENT), "--json").replace(f"{ROOT}/", "")
    found = json.loads(text.replace(str(arguments.data_dir.absolute()), "DATA_DIR"))
    (RESULTS / "comparison.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
