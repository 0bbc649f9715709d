"""What it costs to read the past back from MLflow: ours, and ``mlflow.search_runs``.

    python -m benchmarks.history

The store holds 500 studies of 100 trials, each of ten reports of four metrics (``bulk_store.py``).
Each in a process of its own, in the order A B A B …: the first read, ``mlflow.search_runs`` over
the same experiment (a table of the last values, without the curves), reads when nothing is new, a
read after one more study. Imports and the opening of the store come before the clock starts.
``peak_mb`` is of the whole process, ``imports_mb`` what it takes before it reads; ``decode`` is
what it costs to look at every trial afterwards, which nobody does who asks for one model.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.bulk_store import EXPERIMENT, STEPS, build, check, project, write_journal
from tuner.tracking import read_studies
from tuner.tracking.store import connect

RESULTS = Path(__file__).parent / "results" / "history.json"

Figures = dict[str, float]


def ours(uri: str) -> Figures:
    wall, cpu = time.perf_counter(), time.process_time()
    past = read_studies(uri, EXPERIMENT)
    figures = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    figures["runs"] = sum(1 + len(study.trials) for study in past.studies)
    figures["peak_mb"] = peak_mb()
    looked = time.perf_counter()
    reports = sum(len(trial.measurements) for study in past.studies for trial in study.trials)
    figures["decode_seconds"] = time.perf_counter() - looked
    figures["peak_mb_decoded"] = peak_mb()
    assert reports == STEPS * (figures["runs"] - len(past.studies))
    return figures


def mlflow_search_runs(uri: str) -> Figures:
    import mlflow

    mlflow.set_tracking_uri(uri)
    wall, cpu = time.perf_counter(), time.process_time()
    table = mlflow.search_runs(experiment_names=[EXPERIMENT])
    return {
        "seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
        "runs": len(table),
        "peak_mb": peak_mb(),
    }


METHODS: dict[str, Callable[[str], Figures]] = {
    "warmtune": ours,
    "mlflow.search_runs": mlflow_search_runs,
}


def peak_mb() -> float:
    """Of this process alone: what ``getrusage`` says begins with what its parent took."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def measure(method: str, path: Path) -> Figures:
    import mlflow  # noqa: F401

    uri = f"sqlite:///{path}"
    connect(uri).get_experiment_by_name(EXPERIMENT)
    imports = peak_mb()
    return {"imports_mb": imports, **METHODS[method](uri)}


def in_own_process(method: str, path: Path, home: Path) -> Figures:
    command = [sys.executable, __file__, "--measure", method, "--store", str(path)]
    environment = {**os.environ, "TUNER_HOME": str(home)}
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    figures: Figures = json.loads(run.stdout.splitlines()[-1])
    print(f"{method:20} {figures}", file=sys.stderr)
    return figures


def compare(folder: Path, path: Path, studies: int, count: int, repeats: int) -> dict[str, Any]:
    found: dict[str, list[Figures]] = {
        name: [] for name in ("first read", "nothing new", "one new study", "mlflow.search_runs")
    }
    for repeat in range(repeats):
        home = folder / f"home {repeat}"
        found["first read"].append(in_own_process("warmtune", path, home))
        found["mlflow.search_runs"].append(in_own_process("mlflow.search_runs", path, home))
        found["nothing new"] += [in_own_process("warmtune", path, home) for _ in range(3)]
        write_journal(folder / f"new {repeat}", studies + repeat, count)
        project(folder / f"new {repeat}", f"sqlite:///{path}")
        found["one new study"].append(in_own_process("warmtune", path, home))
    return {
        name: {key: round(statistics.median(one[key] for one in of), 2) for key in of[0]}
        for name, of in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--measure", choices=METHODS, help="measure this one once, print JSON")
    parser.add_argument("--store", type=Path)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args.measure, args.store)))
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        check(folder)
        began = time.perf_counter()
        path = build(folder, args.studies, args.trials)
        print(f"built in {time.perf_counter() - began:.0f} s", file=sys.stderr)
        store_mb = path.stat().st_size / 2**20
        medians = compare(folder, path, args.studies, args.trials, args.repeats)
        cache_mb = sum(file.stat().st_size for file in folder.glob("home 0/history/*/*")) / 2**20
    result = {
        "date": date.today().isoformat(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in ("mlflow", "sqlalchemy")},
        "studies": args.studies,
        "trials_per_study": args.trials,
        "reports_per_trial": STEPS,
        "repeats": args.repeats,
        "load_average": round(os.getloadavg()[2], 1),
        "store_mb": round(store_mb),
        "cache_mb": round(cache_mb),
        "medians": medians,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
