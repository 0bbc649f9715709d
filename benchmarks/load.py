"""Whether what a study costs stays flat: in a long study, in a full store, and beside others.

    python -m benchmarks.load                                              (two hours)
    python -m benchmarks.load long full beside --trials 1000 --studies 8 --processes 6

Each part is kept when it is done. `long` watches one study of trivial trials from outside: memory,
open files and processes of the driver and all that it started, shared memory of the machine, and
the seconds per trial, in tenths of the study; then it times the study's page and the first list of
its store that MLflow's pages ask for. `full` runs studies into one store one after the other, on
one Ray, then some into a new store: seconds and peak memory of each driver, and the same list.
`beside` starts `tuner run` several times at once on one Ray and one new store, and counts what the
store has in the end.
"""

import argparse
import json
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from benchmarks.faults.trials import one_ray
from tuner.errors import RunDirectoryError
from tuner.journal_file import connect_readonly
from tuner.report import write_report
from tuner.tracking import read_studies
from tuner.tracking.store import connect

RESULTS = Path(__file__).parent / "results" / "load.json"
SHARED = "/dev/shm"
PAUSE_SECONDS = 1.0
PARTS = 10
STUDY_TRIALS = 8
FRESH_STUDIES = 3
LISTED = 100
"""Runs in the first list that MLflow's pages show."""
EXPERIMENT = "warmtune"
ENDED = "SELECT count(*) FROM events WHERE kind = 'ended'"
FLAT = 1.5
"""The last tenth may take so many times what the second took; the first holds the start."""


@dataclass(frozen=True)
class Sample:
    """What a process and all below it have at a time."""

    seconds: float
    trials: int
    megabytes: float
    files: int
    processes: int
    shared_megabytes: float


def tuner(home: Path, *words: str) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "TUNER_HOME": str(home)}
    command = [sys.executable, "-m", "tuner", "run", "toy-curve", "--no-starter", "--no-finalize"]
    return subprocess.Popen(
        [*command, "--quiet", *words], env=environment, stdout=subprocess.DEVNULL
    )


def family(pid: int) -> Iterator[Path]:
    """A process and its descendants, as far as they live."""
    folder = Path(f"/proc/{pid}")
    yield folder
    with suppress(OSError):
        for children in folder.glob("task/*/children"):
            for child in children.read_text().split():
                yield from family(int(child))


def proportional_bytes(process: Path) -> int:
    """Memory that is its own, and its share of what it shares."""
    for line in (process / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def sample(pid: int, began: float, trials: int) -> Sample:
    size = files = processes = 0
    for process in family(pid):
        with suppress(OSError):
            size += proportional_bytes(process)
            files += len(list((process / "fd").iterdir()))
            processes += 1
    shared = os.statvfs(SHARED)
    taken = (shared.f_blocks - shared.f_bfree) * shared.f_frsize
    seconds = time.monotonic() - began
    return Sample(seconds, trials, size / 1e6, files, processes, taken / 1e6)


def ended(directory: Path) -> int:
    with suppress(sqlite3.Error, RunDirectoryError):
        reader = connect_readonly(directory)
        try:
            return int(reader.execute(ENDED).fetchone()[0])
        finally:
            reader.close()
    return 0


def long(trials: int, folder: Path) -> list[Sample]:
    """Samples of a study while it runs."""
    out = folder / "run"
    study = tuner(folder, "--trials", str(trials), "--no-history", "--out", str(out))
    began, samples = time.monotonic(), []
    while study.poll() is None:
        samples.append(sample(study.pid, began, ended(out)))
        time.sleep(PAUSE_SECONDS)
    assert study.returncode == 0
    assert ended(out) == trials
    return [each for each in samples if each.trials and each.processes]


def tenths(samples: list[Sample], trials: int) -> list[dict[str, float]]:
    """The last sample of each tenth of the study, with the seconds per trial in it.

    When the last trial has ended, Ray goes: what is left then says nothing of the study.
    """
    rows: list[dict[str, float]] = []
    for part in range(1, PARTS + 1):
        most = min(trials * part / PARTS, trials - 1)
        reached = [each for each in samples if each.trials <= most]
        if not reached or (rows and reached[-1].trials == rows[-1]["trials"]):
            continue
        last, before = reached[-1], rows[-1] if rows else {"seconds": samples[0].seconds}
        done = last.trials - before.get("trials", samples[0].trials)
        pace = (last.seconds - before["seconds"]) / done if done else 0.0
        rows.append({**asdict(last), "seconds_per_trial": pace})
    return [{name: round(value, 4) for name, value in row.items()} for row in rows]


def listed(folder: Path) -> float:
    """Seconds to the newest runs of the store, as MLflow's pages ask for them."""
    client = connect(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    began = time.monotonic()
    client.search_runs([experiment.experiment_id], max_results=LISTED)
    return round(time.monotonic() - began, 2)


def one_long(trials: int, folder: Path) -> dict[str, Any]:
    samples = long(trials, folder)
    page = folder / "page.html"
    began = time.monotonic()
    write_report([folder / "run"], page)
    return {
        "trials": trials,
        "tenths": tenths(samples, trials),
        "page_seconds": round(time.monotonic() - began, 2),
        "page_megabytes": round(page.stat().st_size / 1e6, 2),
        "list_seconds": listed(folder),
    }


def full(studies: int, folder: Path) -> dict[str, Any]:
    """Seconds and peak memory of each study, and how large the store is after it."""
    new = folder / "new"
    with one_ray():
        rows = [next_study(seed, folder) for seed in range(studies)]
        fresh = [next_study(seed, new) for seed in range(FRESH_STUDIES)]
    return {"studies": rows, "fresh_studies": fresh, "list_seconds": listed(folder)}


def next_study(seed: int, folder: Path) -> dict[str, float]:
    began, most = time.monotonic(), 0.0
    study = tuner(folder, *own_ray(), "--trials", str(STUDY_TRIALS), "--seed", str(seed))
    while study.poll() is None:
        most = max(most, sample(study.pid, began, 0).megabytes)
        time.sleep(PAUSE_SECONDS / 4)
    assert study.returncode == 0
    size = (folder / "mlflow.db").stat().st_size / 1e6
    row = {"seconds": time.monotonic() - began, "megabytes": most, "store_megabytes": size}
    return {name: round(value, 2) for name, value in row.items()}


def own_ray() -> list[str]:
    """Options for a study on the Ray of ``one_ray``."""
    import ray

    return ["--address", ray.get_runtime_context().gcs_address]


def beside(processes: int, folder: Path) -> dict[str, float]:
    """What a store has of studies that were written at the same time."""
    began = time.monotonic()
    options = ["--trials", str(STUDY_TRIALS), "--no-history", "--concurrency", "1"]
    with one_ray():
        options += own_ray()
        running = [tuner(folder, *options, "--seed", str(seed)) for seed in range(processes)]
        codes = [study.wait() for study in running]
    found = read_studies(f"sqlite:///{folder / 'mlflow.db'}", EXPERIMENT).studies
    return {
        "processes": processes,
        "failed": sum(code != 0 for code in codes),
        "studies": len(found),
        "trials": sum(len(study.trials) for study in found),
        "expected_trials": processes * STUDY_TRIALS,
        "seconds": round(time.monotonic() - began, 1),
    }


def draw(rows: list[dict[str, float]], path: Path) -> None:
    """A line for each cost over the trials, each as a share of its largest value."""
    names = ("megabytes", "files", "processes", "shared_megabytes", "seconds_per_trial")
    with rc_context({"svg.hashsalt": "warmtune", "font.size": 9}):
        figure = Figure(figsize=(7.0, 3.0), layout="constrained", facecolor="white")
        plot = figure.subplots()
        for name in names:
            most = max(row[name] for row in rows) or 1.0
            shares = [row[name] / most for row in rows]
            label = f"{name.replace('_', ' ')} (at most {most:.4g})"
            plot.plot([row["trials"] for row in rows], shares, label=label)
        plot.set(xlabel="trials", ylabel="share of the most", ylim=(0, 1.05))
        figure.legend(loc="outside right upper", frameon=False)
        figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description="Whether what a study costs stays flat.")
    parser.add_argument("parts", nargs="*", default=["long", "full", "beside"])
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--studies", type=int, default=100)
    parser.add_argument("--processes", type=int, default=20)
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    measures: dict[str, Callable[[Path], dict[str, Any]]] = {
        "long": partial(one_long, asked.trials),
        "full": partial(full, asked.studies),
        "beside": partial(beside, asked.processes),
    }
    for part in asked.parts:
        with tempfile.TemporaryDirectory() as folder:
            result = measures[part](Path(folder))
        about = {
            "date": date.today().isoformat(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "ray": version("ray"),
        }
        kept = json.loads(asked.out.read_text()) if asked.out.exists() else {}
        kept[part] = {**about, **result}
        asked.out.write_text(json.dumps(kept, indent=1) + "\n")
        print(part, json.dumps(kept[part], indent=1), flush=True)
    judge(kept, asked.out)


def judge(kept: dict[str, Any], out: Path) -> None:
    """Draw the long study; exit with a message if a cost is not flat or a trial was lost."""
    counts = kept.get("beside", {"expected_trials": 0, "trials": 0})
    if lost := counts["expected_trials"] - counts["trials"]:
        sys.exit(f"{lost} trials lost")
    if "long" in kept:
        rows = kept["long"]["tenths"]
        draw(rows, out.with_suffix(".svg"))
        slower = rows[-1]["seconds_per_trial"] / (rows[1]["seconds_per_trial"] or 1.0)
        if slower > FLAT:
            sys.exit(f"not flat: the last tenth takes {slower:.2f} times as long as the second")


if __name__ == "__main__":
    main()
