"""Does the past help, does a misleading one do harm? Methods, tasks and seeds on public tables.

    python -m benchmarks.transfer                      (all of it: hours; stop and restart at will)
    python -m benchmarks.transfer --protocols random --methods meta-gp --seeds 1 --families deepar
    python -m benchmarks.transfer --report             (only the tables, from what has been run)

Protocol and measures: `hpo_history/README.md` in ``$WARMTUNE_SHARED``, whose `transfer_bench.py`
runs each trial. One task is left out as the target, the others are the past. Besides the README's
protocols, ``2 sources`` and ``4 sources`` take that many of them by chance, ``10 trials`` the first
ten trials of each. Methods whose name ends in ``rows`` choose among the rows of the table; the
proposals of the others are moved to the nearest row, which costs them a little. Peers' results
come from `hpo_history/peers/` and are marked so; random, TPE, GP and enqueue-best run here too.

Each run is kept in build/transfer.db with a digest of the code that it measures: a rerun computes
what is missing, and what the code has changed since, unless ``--any-version``.
"""

import argparse
import ast
import hashlib
import json
import os
import re
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import closing
from functools import cache, lru_cache
from importlib import import_module
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import optuna
import pandas as pd

from benchmarks.transfer_scores import KEY, distance
from benchmarks.transfer_tables import PEERS, publish
from meta import sampler as ours

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("WARMTUNE_SHARED", ROOT.parent / "shared")) / "hpo_history"
RUNS = ROOT / "build" / "transfer.db"
TRIALS = 50

PLAN = {
    "random": 5,
    "shuffled": 3,
    "negated": 3,
    "tpe50": 3,
    "none": 3,
    "2 sources": 2,
    "4 sources": 2,
    "10 trials": 2,
}
"""The protocols in the order of their running, and how many seeds of each."""
CREATE = """CREATE TABLE IF NOT EXISTS runs (protocol, method, family, task, seed, version, r, ms,
    PRIMARY KEY (protocol, method, family, task, seed, version))"""


Versions = dict[str, str]


class Run(NamedTuple):
    """One method on one task with one seed."""

    protocol: str
    method: str
    family: str
    task: str
    seed: int


class Past(NamedTuple):
    """The history as the harness gives it, and as studies: who has a past has them already."""

    sources: Any
    studies: list[optuna.Study]


@cache
def harness() -> Any:
    sys.path.insert(0, str(SHARED))
    return import_module("transfer_bench")


def through_optuna(sampler: Callable[[Past, int], Any]) -> Any:
    return lambda space, past, seed: harness().OptunaMethod(space, sampler(past, seed))


class Rows:
    """Our sampler where only the rows of the table may be proposed."""

    wants_candidates = True

    def __init__(self, space: Any, past: Past, seed: int) -> None:
        self.space, self.past, self.seed = space, past.studies, seed
        self.method: Any = None

    def ask(self, candidates: Any) -> int:
        if self.method is None:
            rows = [candidates.config(row) for row in range(len(candidates))]
            sampler = ours.MetaGPSampler(self.past, seed=self.seed, candidates=rows)
            self.method = harness().OptunaMethod(self.space, sampler)
        point = self.space.encode([self.method.ask()])[0]
        squares = np.where(candidates.free, ((candidates.X - point) ** 2).sum(1), np.inf)
        return int(squares.argmin())

    def tell(self, config: Any, value: float) -> None:
        self.method.tell(config, value)


def enqueue_best(space: Any, past: Past, seed: int) -> Any:
    best = [source.configs[int(source.values.argmin())] for source in past.sources]
    sampler = optuna.samplers.TPESampler(seed=seed)
    return harness().OptunaMethod(space, sampler, enqueue=best)


METHODS: dict[str, Callable[[Any, Past, int], Any]] = {
    "meta-gp": through_optuna(lambda past, seed: ours.MetaGPSampler(past.studies, seed=seed)),
    "meta-gp rows": Rows,
    "meta-tpe": through_optuna(lambda past, seed: ours.MetaTPESampler(past.studies, seed=seed)),
    "random": through_optuna(lambda _, seed: optuna.samplers.RandomSampler(seed=seed)),
    "tpe": through_optuna(lambda _, seed: optuna.samplers.TPESampler(seed=seed)),
    "gp": through_optuna(lambda _, seed: optuna.samplers.GPSampler(seed=seed)),
    "enqueue-best": enqueue_best,
}
SAMPLERS = {
    "meta-gp": "meta.sampler.gp",
    "meta-gp rows": "meta.sampler.gp",
    "meta-tpe": "meta.sampler.tpe",
}
"""Which of them are ours, and run unless others are asked for."""


def code_version(method: str) -> str:
    """A digest of all modules that the method's sampler is made of, without comments."""
    if method not in SAMPLERS:
        return f"optuna {version('optuna')}"
    found: dict[str, str] = {}
    todo = [SAMPLERS[method]]
    while todo:
        name = todo.pop()
        path = ROOT / f"{name.replace('.', '/')}.py"
        if name not in found and path.exists():
            text = path.read_text()
            todo += re.findall(r"^from (meta[\w.]*) import", text, re.MULTILINE)
            found[name] = _without_docstrings(text)
    parts = [f"{name}\n{found[name]}" for name in sorted(found)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def _without_docstrings(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = None
    return ast.dump(tree)


@cache
def families() -> dict[str, Any]:
    return dict(harness().load_public(SHARED))


@lru_cache(maxsize=2)
def past_rows(file: str, family: str) -> Any:
    return harness().load_rows(SHARED / file, family)


def past(run: Run) -> Past:
    """The history that the method gets: the harness's protocols and our thinner ones."""
    how = run.protocol if run.protocol in ("shuffled", "negated", "none", "tpe50") else "random"
    file = "history_tpe50.parquet" if how == "tpe50" else "history_random100.parquet"
    rows = past_rows(file, run.family)
    if run.protocol == "10 trials":
        rows = {key: value[:10] for key, value in rows.items()}
    history = harness().make_history(families()[run.family], run.task, run.seed, how, rows)
    if run.protocol.endswith("sources"):
        draw = np.random.default_rng([harness().crc(run.task), run.seed, 3])
        chosen = draw.permutation(len(history))[: int(run.protocol.split()[0])]
        history = harness().History([history[row] for row in sorted(chosen)], history.space)
    return Past(history, history.studies())


def execute(run: Run) -> tuple[list[float], float]:
    """r after each trial, and milliseconds of CPU per trial that the method took."""
    family = families()[run.family]
    trials = harness().run_one(
        family, run.task, METHODS[run.method], past(run), run.seed, n_trials=TRIALS
    )
    best = np.array([trial[3] for trial in trials])
    seconds = sum(trial[4] for trial in trials)
    return distance(best, family.tasks[run.task].y).tolist(), 1000 * seconds / len(trials)


def planned(args: argparse.Namespace) -> Iterator[Run]:
    for protocol in args.protocols:
        for seed in range(min(PLAN[protocol], args.seeds)):
            for family in args.families or families():
                for task in families()[family].targets:
                    for method in args.methods:
                        yield Run(protocol, method, family, task, seed)


def compute(database: sqlite3.Connection, versions: Versions, args: argparse.Namespace) -> int:
    """Run what is missing and return how many runs failed."""
    done = kept(database, versions, args.any_version)
    todo = [run for run in planned(args) if run not in done]
    began, failed = time.perf_counter(), 0
    with ProcessPoolExecutor(args.processes, get_context("spawn")) as pool:
        futures = {pool.submit(execute, run): run for run in todo}
        for count, future in enumerate(as_completed(futures), start=1):
            run = futures[future]
            if error := future.exception():
                print(f"{run} failed: {error!r}", file=sys.stderr)
                failed += 1
                continue
            r, ms = future.result()
            row = (*run, versions[run.method], json.dumps(r), ms)
            with database:
                database.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            if count % 20 == 0 or count == len(todo):
                seconds = time.perf_counter() - began
                print(f"{count}/{len(todo)} runs, {seconds:.0f} s: {run}", file=sys.stderr)
    return failed


def kept(
    database: sqlite3.Connection, versions: Versions, any_version: bool
) -> dict[Run, tuple[Any, ...]]:
    """The runs of the present code, or the latest of any."""
    rows = database.execute("SELECT * FROM runs ORDER BY rowid")
    return {Run(*row[:5]): row for row in rows if any_version or row[5] == versions.get(row[1])}


def as_table(rows: dict[Run, tuple[Any, ...]]) -> pd.DataFrame:
    index = pd.MultiIndex.from_tuples(rows, names=KEY)
    frame = pd.DataFrame([json.loads(row[6]) for row in rows.values()], index=index)
    return frame.assign(ms=[row[7] for row in rows.values()])


def peers() -> pd.DataFrame:
    """The peers' runs, in the same form."""
    trials = pd.read_parquet(SHARED / "peers" / "results.parquet")
    trials = trials[trials["trial"] < TRIALS].astype(dict.fromkeys(KEY[:4], str))
    trials["method"] += PEERS
    frame = trials.pivot_table(index=KEY, columns="trial", values="r")
    return frame.assign(ms=1000 * trials.groupby(KEY)["seconds"].mean())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--protocols", nargs="+", choices=PLAN, default=list(PLAN))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(SAMPLERS))
    parser.add_argument("--families", nargs="+")
    parser.add_argument("--seeds", type=int, default=max(PLAN.values()), help="at most so many")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--any-version", action="store_true", help="also runs of older code")
    parser.add_argument("--report", action="store_true", help="run nothing")
    args = parser.parse_args()
    if not SHARED.is_dir():
        print(f"skipped: no past studies in {SHARED}; $WARMTUNE_SHARED says where they are")
        return 0
    RUNS.parent.mkdir(exist_ok=True)
    versions = {method: code_version(method) for method in METHODS}
    with closing(sqlite3.connect(RUNS, timeout=60)) as database:
        database.execute(CREATE)
        failed = 0 if args.report else compute(database, versions, args)
        rows = kept(database, versions, args.any_version)
    codes: dict[str, set[str]] = {}
    for run, row in rows.items():
        codes.setdefault(run.method, set()).add(row[5])
    publish(pd.concat([as_table(rows), peers()]), {name: sorted(codes[name]) for name in codes})
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
