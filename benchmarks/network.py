"""The networks on a GPU: speed, sharing and memory, against the plain way.

    python -m benchmarks.network               (on a GPU; writes results/network.json)
    python -m benchmarks.network --dry-run     (the same code on a CPU, tiny; says nothing of speed)

It needs torch, torchvision and transformers, and no data: pixels and word pieces are made up, the
lengths of texts follow the real ones. By the numbers of the project's goals:

 7  samples a second of one trial at batch 16: the product's own training against eager bfloat16
    with a DataLoader (PIL, torchvision; texts padded to 512), in the order A B A B A after a
    warm-up of each; numbers are medians. Before that, both must train the same network.
 8  what k processes train together, against one; with MPS, where it can be started, also against
    processes that take turns, which is all that a fraction of a GPU is without it.
 9  the floor of a step (``network_floor``) as a share of the time that it took in 7.
10  trials an hour: set up, and as many epochs of the real task's rows as ASHA lets a trial have on
    average. Ours: in a process that is there already, sharing as was best in 8; setting up counts
    as if nothing ran meanwhile. The plain way: a new process each, which cuts its texts itself.
11  peak memory as told beforehand against measured (``network_memory``).

What cannot be measured is in the results with its reason, and the rest is measured all the same.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import network_equal, network_floor, network_memory, network_plain, network_sharing
from benchmarks.network_cases import BATCH, CASES, Case, Timed, ours, shrunk
from tuner import mps

RESULTS = Path(__file__).parent / "results" / "network.json"
MINUTES = 9.0
"""After which no measure begins."""

SHARING = (1, 2, 4)
WINDOW_SECONDS = 2.0
EPOCHS = {"image": 3, "text": 2}
"""Of a trial on average, under ASHA with reduction 3 and the tasks' 30 and 4 epochs at most."""

SHARE_OF_FLOOR, NEVER_BELOW, TRIALS_TIMES = 0.45, 0.97, 5.0
SHARING_GOALS = {"efficientnet-b0": 1.8, "resnet50": 1.3}

HEADLINES = ("times", "share", "gain", "error_p95", "geometric_mean")

Row = dict[str, Any]


class Bench:
    """The measures, kept after each; a dry run is on ``cpu``, and of ``few`` cases where it can."""

    def __init__(self, dry: bool) -> None:
        self.dry, self.device = dry, "cpu" if dry else "cuda"
        self.end = time.monotonic() + 60 * MINUTES
        self.cases = [shrunk(case) if dry else case for case in CASES]
        self.few = self.cases[1:4:2] if dry else self.cases
        self.named = dict(zip([case.name for case in self.cases], CASES, strict=True))
        self.record = self._about() | {"measures": []}

    def attempt(self, goal: int, name: str, measure: Callable[[], Row]) -> Row:
        """Measure, print and keep; a failure is kept as its reason."""
        began = time.monotonic()
        try:
            if began > self.end:
                raise TimeoutError("no time was left")
            row = {**measure(), **({"met": None} if self.dry else {})}
        except Exception as error:  # whatever it is, the other measures go on
            traceback.print_exc()
            row = {"error": f"{type(error).__name__}: {error}"}
        row = {"goal": goal, "case": name, **row, "seconds": round(time.monotonic() - began, 1)}
        self.record["measures"].append(row)
        print(line(row), flush=True)
        if not self.dry:
            RESULTS.write_text(json.dumps(self.record, indent=2, default=float) + "\n")
        return row

    def _about(self) -> Row:
        return {
            "date": date.today().isoformat(),
            "dry_run": self.dry,
            "device": "a CPU, for trying out" if self.dry else torch.cuda.get_device_name(),
            "cpus": os.cpu_count(),
            "python": sys.version.split()[0],
            "versions": {name: version(name) for name in ("torch", "torchvision", "transformers")},
            "data": "made up: random pixels and word pieces; texts of the real lengths",
        }


def line(row: Row) -> str:
    """What is printed of a measure."""
    figure = next((f"{name} {row[name]:.3g}" for name in HEADLINES if name in row), "")
    verdict = {True: "met", False: "missed", None: ""}[row.get("met")]
    wanted = f"goal {row['wanted']} {verdict}" if "wanted" in row else verdict
    equal = f"equal to {row['check']['difference']:.1e}" if "check" in row else ""
    shown = f"{row.get('error', figure):24} {wanted:16} {equal}"
    return f"{row['goal']:2}  {row['case']:26} {row['seconds']:6.1f} s   {shown}"


def one_trial(bench: Bench, case: Case) -> Row:
    """Goal 7."""
    equal = network_equal.check(case, bench.device)
    data = case.data()
    sets = network_plain.sets_of(case, data)()
    workers = 0 if bench.dry else network_plain.WORKERS
    epochs = 2 if bench.dry else 4

    def mine(epochs: int) -> Timed:
        return ours(case, data, bench.device, epochs)

    def plain(epochs: int) -> Timed:
        return network_plain.train(case, lambda: sets, bench.device, epochs, case.rows, workers)

    ways = {"ours": mine, "plain": plain}
    warm_up = {name: way(1).setup_seconds for name, way in ways.items()}
    seen: dict[str, list[Timed]] = {"ours": [], "plain": []}
    for name in ("ours", "plain") if bench.dry else ("ours", "plain", "ours", "plain", "ours"):
        seen[name].append(ways[name](epochs if name == "ours" else 2))
    rates = {name: [case.rows / timed.epoch for timed in some] for name, some in seen.items()}
    times = float(np.median(rates["ours"]) / np.median(rates["plain"]))
    return {
        "samples_per_second": rates,
        "setup_seconds": {n: [timed.setup_seconds for timed in seen[n]] for n in seen},
        "warm_up_seconds": warm_up,
        "times": times,
        "wanted": case.goal,
        "met": times >= case.goal and equal["equal"],
        "check": equal,
    }


def floor(case: Case, speed: Row) -> Row:
    """Goal 9."""
    least = network_floor.seconds_per_step(case, case.data())
    took = BATCH / float(np.median(speed["samples_per_second"]["ours"]))
    met = {"wanted": SHARE_OF_FLOOR, "met": least / took >= SHARE_OF_FLOOR}
    wanted = met if case.dataset == "imdb" else {}
    return {"share": least / took, "floor_seconds": least, "step_seconds": took, **wanted}


def together(
    bench: Bench, case: Case, crowds: dict[str, network_sharing.Crowd], settings: Sequence[Any]
) -> Row:
    """Goal 8: samples a second by how many shared, and how."""
    rows = BATCH if bench.dry else network_sharing.ROWS
    seen: dict[str, list[float]] = {f"{count} {way}": [] for way, count in settings}
    with ExitStack() as stack:
        for crowd in crowds.values():
            stack.enter_context(crowd.training(bench.named[case.name]))
        for way, count in network_sharing.order(settings):
            rate = crowds[way].rate(count, 0.2 if bench.dry else WINDOW_SECONDS, rows)
            seen[f"{count} {way}"].append(rate)
    rates = {name: float(np.median(some[1:])) for name, some in seen.items()}
    alone = rates["1 sharing"]
    gains = {name: rate / alone for name, rate in rates.items()}
    shared = [gain for name, gain in gains.items() if name.endswith("sharing")]
    best, wanted = max(shared), SHARING_GOALS.get(case.model, NEVER_BELOW)
    met = best >= wanted and min(shared) >= NEVER_BELOW
    return {"samples_per_second": seen, "gains": gains, "gain": best, "wanted": wanted, "met": met}


def sharing(bench: Bench) -> list[Row]:
    """Goal 8 for every case, by processes that stay."""
    most = SHARING[-1] if not bench.dry else 2
    counts = [count for count in SHARING if count <= most]
    with mps.served(not bench.dry) as said, ExitStack() as stack:
        bench.record["mps"] = said
        ways = ["sharing", "taking turns"] if said.startswith("used") else ["sharing"]
        crowds = {
            way: stack.enter_context(
                network_sharing.crowd(most, bench.device, bench.dry, way == "sharing")
            )
            for way in ways
        }
        settings = [(way, count) for way in ways for count in counts if way == ways[0] or count > 1]
        return [
            bench.attempt(8, case.name, partial(together, bench, case, crowds, settings))
            for case in bench.few
        ]


def trials(bench: Bench, case: Case, speed: Row, shared: Row) -> Row:
    """Goal 10: seconds of the GPU that a trial takes, either way."""
    samples = EPOCHS["text" if case.longest else "image"] * case.whole[0]
    setup, per_sample = _new_process(bench, case)
    plain = setup + samples * per_sample
    best = max(rate for name, rate in shared["gains"].items() if name.endswith("sharing"))
    rate = best * float(np.median(shared["samples_per_second"]["1 sharing"][1:]))
    mine = float(np.median(speed["setup_seconds"]["ours"])) + samples / rate
    return {
        "trials_per_hour": {"ours": 3600 / mine, "plain": 3600 / plain},
        "plain_setup_seconds": setup,
        "times": plain / mine,
    }


def _new_process(bench: Bench, case: Case) -> tuple[float, float]:
    command = [sys.executable, "-m", network_plain.__name__, bench.named[case.name].name]
    command += ["--since", repr(time.monotonic()), *(["--dry-run"] if bench.dry else [])]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if ended.returncode:
        raise RuntimeError(ended.stderr.strip().splitlines()[-1])
    setup, per_sample = json.loads(ended.stdout.splitlines()[-1])
    return setup, per_sample


def summary(rows: Sequence[Row]) -> Row:
    """Goal 10 over all cases that could be measured."""
    times = [row["times"] for row in rows if "times" in row]
    mean = float(np.exp(np.mean(np.log(times)))) if times else 0.0
    met = mean >= TRIALS_TIMES
    return {"cases": len(times), "geometric_mean": mean, "wanted": TRIALS_TIMES, "met": met}


def measure(bench: Bench) -> None:
    """The goals in the order in which they build on each other."""
    speeds = {}
    for case in bench.cases:
        speeds[case] = bench.attempt(7, case.name, partial(one_trial, bench, case))
        bench.attempt(9, case.name, partial(floor, case, speeds[case]))
    memory = partial(network_memory.report, bench.device, bench.dry, bench.cases)
    bench.attempt(11, "all shapes", memory)
    shared = sharing(bench)
    ends = [
        bench.attempt(10, case.name, partial(trials, bench, case, speeds[case], row))
        for case, row in zip(bench.few, shared, strict=True)
    ]
    bench.attempt(10, "all", partial(summary, ends))


def main() -> None:
    """Measure everything; exit 2 where there is no GPU to measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dry-run", action="store_true", help="try it out, tiny, on the CPU")
    arguments = parser.parse_args()
    if not arguments.dry_run and not torch.cuda.is_available():
        parser.error("PyTorch sees no GPU here. With --dry-run the same code runs on the CPU.")
    print("a DRY RUN on the CPU: no number says anything" if arguments.dry_run else "")
    measure(Bench(arguments.dry_run))


if __name__ == "__main__":
    main()
