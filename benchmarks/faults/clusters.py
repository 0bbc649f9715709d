"""A node that is switched off, a job that is stopped, and what a long study leaves behind."""

import os
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from unittest.mock import patch

from benchmarks.faults.journal import Figures
from benchmarks.load import Sample, long
from tests.tuner import test_several_nodes as nodes
from tests.tuner.test_jobs import cluster_of_one_node, start_slow, stop_slow

LEAK_TRIALS = 200


def switched_off_node(folder: Path) -> Figures:
    """One of three nodes, while each has a trial in its last of four steps."""
    traces = folder / "traces"
    traces.mkdir()
    environment = {"TRACES": str(traces), "RAY_AUTH_MODE": "disabled"}  # on loopback, for a minute
    command = [sys.executable, "-c", nodes.CLUSTER]
    with (
        patch.dict(os.environ, environment),
        subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as process,
    ):
        cluster = nodes.Cluster(process)
        study = nodes.start(folder, cluster.address)
        nodes.wait_for_checkpoints({*cluster.nodes}, traces, study)
        cluster.switch_off(traces)
        (traces / "go").touch()
        began = time.monotonic()
        code = study.wait(nodes.LIMIT_SECONDS)
        seconds = round(time.monotonic() - began, 1)
    done = defaultdict(list)
    for step in nodes.steps(traces):
        done[step.x].append(step)
    moved = sum(len({step.node for step in of}) > 1 for of in done.values())
    redone = sum(map(len, done.values())) - nodes.TRIALS * nodes.STEPS
    ended = sum(t.state == "COMPLETED" for t in nodes.result(folder).trials)
    return {
        "exit code": code,
        "trials that went on elsewhere": moved,
        "steps redone": redone,
        "trials completed": f"{ended} of {nodes.TRIALS}",
        "s from there to the end": seconds,
    }


def stopped_job(folder: Path) -> Figures:
    home = folder / "cluster"
    home.mkdir()
    with cluster_of_one_node(home) as cluster:
        start_slow(cluster, folder / "run")
        began = time.monotonic()
        code = stop_slow(cluster, folder / "run")
    return {"exit code": code, "s to stop": round(time.monotonic() - began, 1)}


def leaks(folder: Path) -> Figures:
    """Of the driver and all that it started, between the first quarter of the trials and the last.

    The first quarter holds what is loaded once; after the last trial processes go away.
    """
    least = LEAK_TRIALS / 4
    samples = [each for each in long(LEAK_TRIALS, folder) if least <= each.trials < LEAK_TRIALS]
    return {
        "trials": LEAK_TRIALS,
        "more open files": samples[-1].files - samples[0].files,
        "more processes": samples[-1].processes - samples[0].processes,
        "more MB": _more(samples, "megabytes"),
        "more MB of shared memory": _more(samples, "shared_megabytes"),
    }


def _more(samples: list[Sample], name: str) -> float:
    return round(float(getattr(samples[-1], name) - getattr(samples[0], name)), 1)
