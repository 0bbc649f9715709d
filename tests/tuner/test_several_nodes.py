"""A study on a Ray of several nodes: it spreads, and outlives one of them."""

import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meta.study import TrialState
from tuner.config import RunOptions
from tuner.config_reader import Override, load
from tuner.driver import run

YAML = """version: 1
task: {dataset: none, model: none, trainable: "spread:train"}
metric: {name: loss, mode: min}
space: {x: {float: [0, 1]}}
budget: {trials: 12, max_steps: 6, grace_steps: 6}
resources: {cpu: 1, gpu: 0}
"""
CODE = '''"""Leaves a trace of where its trials and its data were."""
import json, os, time
from pathlib import Path
import numpy as np
import ray
from trainables.base import Data

TRACES = Path(os.environ["TRACES"])

class Payload:
    """Tells each process that unpacks it."""
    def __init__(self, rows):
        self.rows = rows
    def __reduce__(self):
        return unpack, (self.rows,)

def unpack(rows):
    with (TRACES / "unpacked").open("a") as file:
        file.write(f"{os.getpid()}\\n")
    return Payload(rows)

def load(request):
    return Data(Payload(np.ones(200_000)), "ones", {}, {})

def train(config, context):
    node = ray.get_runtime_context().get_node_id()
    kept = context.restore()
    done = json.loads((kept / "step").read_text()) if kept else 0
    for step in range(done + 1, context.max_steps + 1):
        with (TRACES / "steps").open("a") as file:
            file.write(f"{node} {os.getpid()} {config['x']} {step}\\n")
        time.sleep(0.4)
        context.save(lambda folder: (folder / "step").write_text(str(step)))
        context.report(step, config["x"] + len(context.data.rows) / step)
'''

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head and two workers, of one CPU each, on this machine."""
    import ray
    from ray.cluster_utils import Cluster

    if ray.is_initialized():
        pytest.skip("another test's Ray runs in this process; run this file alone")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # on loopback, for as long as the test runs
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "dashboard_port": 0})
    try:
        yield nodes
    finally:
        nodes.shutdown()


def steps(traces: Path) -> list[list[str]]:
    file = traces / "steps"
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def kill_when_busy(cluster: Any, node: Any, traces: Path) -> None:
    """Take the node away without a word once one of its trials has a checkpoint."""
    deadline = time.monotonic() + 240
    while not any(row[0] == node.node_id and row[3] == "3" for row in steps(traces)):
        if time.monotonic() > deadline:
            return
        time.sleep(0.05)
    cluster.remove_node(node, allow_graceful=False)


def test_trials_spread_and_those_of_a_node_that_dies_go_on_elsewhere(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mlflow_store: str
) -> None:
    traces, out = tmp_path / "traces", tmp_path / "run"
    traces.mkdir()
    monkeypatch.setenv("TRACES", str(traces))
    (tmp_path / "spread.yaml").write_text(YAML)
    (tmp_path / "spread.py").write_text(CODE)
    first, doomed = (cluster.add_node(num_cpus=1, env_vars={"TRACES": str(traces)}) for _ in "ab")
    cluster.wait_for_nodes()
    overrides = [Override("tracking.uri", mlflow_store)]
    config = load(str(tmp_path / "spread.yaml"), overrides, allow_code=True)
    killer = threading.Thread(target=kill_when_busy, args=(cluster, doomed, traces))
    killer.start()
    options = RunOptions(
        address=cluster.address, out=out, quiet=True, use_history=False, finalize=False
    )
    study = run(config, options).study
    killer.join()

    assert [trial.id for trial in study.trials] == list(range(12))
    assert {trial.state for trial in study.trials} == {TrialState.COMPLETED}
    done = defaultdict(list)
    where = defaultdict(set)
    for node, _, x, step in steps(traces):
        done[x].append(int(step))
        where[x].add(node)
    assert {first.node_id, doomed.node_id} <= set().union(*where.values())
    moved = [x for x, nodes in where.items() if len(nodes) > 1]
    assert moved, "the node that died ran no trial"
    repeated = [x for x, seen in done.items() if len(seen) > len(set(seen))]
    assert set(repeated) <= set(moved)
    assert all(len(done[x]) - 6 <= 1 for x in repeated), "more than a step was done again"


def test_each_process_unpacks_the_data_once(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mlflow_store: str
) -> None:
    monkeypatch.setenv("TRACES", str(tmp_path))
    (tmp_path / "spread.yaml").write_text(YAML)
    (tmp_path / "spread.py").write_text(CODE)
    cluster.add_node(num_cpus=1, env_vars={"TRACES": str(tmp_path)})
    overrides = [Override("tracking.uri", mlflow_store), Override("budget.trials", "6")]
    config = load(str(tmp_path / "spread.yaml"), overrides, allow_code=True)
    options = RunOptions(
        address=cluster.address, out=tmp_path / "run", quiet=True, use_history=False, finalize=False
    )
    run(config, options)
    unpacked = (tmp_path / "unpacked").read_text().split()
    workers = {row[1] for row in steps(tmp_path)}
    assert sorted(unpacked) == sorted(set(unpacked))
    assert workers == set(unpacked) - {str(os.getpid())}
