"""A study on a Ray of several nodes: it spreads, and outlives one of them."""

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from meta.study import Study, TrialState
from tests.sources import ROOT
from tuner.journal import Journal

TRIALS, STEPS = 8, 4
YAML = f"""version: 1
task: {{dataset: none, model: none, trainable: "spread:train"}}
metric: {{name: loss, mode: min}}
space: {{x: {{float: [0, 1]}}}}
budget: {{trials: {TRIALS}, max_steps: {STEPS}, grace_steps: {STEPS}}}
resources: {{cpu: 1, gpu: 0}}
"""
CODE = '''"""Leaves traces of where trials and data were; the last step awaits the file ``go``."""
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
        while step == context.max_steps and not (TRACES / "go").exists():
            time.sleep(0.05)
        context.save(lambda folder: (folder / "step").write_text(str(step)))
        context.report(step, config["x"] + len(context.data.rows) / step)
'''
CLUSTER = """\
import sys
from ray.cluster_utils import Cluster

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
nodes = [cluster.head_node, cluster.add_node(num_cpus=1), cluster.add_node(num_cpus=1)]
cluster.wait_for_nodes()
print(cluster.address, *(node.node_id for node in nodes), flush=True)
for line in sys.stdin:
    cluster.remove_node(nodes.pop(), allow_graceful=False)
    print(flush=True)
cluster.shutdown()
"""
RUN = [sys.executable, "-m", "tuner", "run", "spread.yaml", "--allow-code", "--no-history"]
LIMIT_SECONDS = 240

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]


class Step(NamedTuple):
    """One training step, where it was done and by whom."""

    node: str
    process: str
    x: str
    number: int


@pytest.fixture
def traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the trials of ``CODE`` leave their traces, on whatever node."""
    folder = tmp_path / "traces"
    folder.mkdir()
    monkeypatch.setenv("TRACES", str(folder))
    return folder


class Cluster:
    """Three nodes of one CPU each on this machine, in a process of their own.

    In the process of the tests, its end would leave the session's cluster unusable.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.address, *self.nodes = self._answer()

    def switch_off(self, traces: Path) -> None:
        """Take the last node away as a loss of power does: its processes end without a word."""
        (worker,) = {int(step.process) for step in steps(traces) if step.node == self.nodes[-1]}
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self._answer()
        with suppress(ProcessLookupError):  # it may have noticed
            os.kill(worker, signal.SIGKILL)

    def _answer(self) -> list[str]:
        assert self._process.stdout
        return self._process.stdout.readline().split()


@pytest.fixture
def cluster(traces: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Its workers have the environment that ``traces`` sets."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # on loopback, for as long as the test runs
    with subprocess.Popen(
        [sys.executable, "-c", CLUSTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:  # its input ends with the block, and so does it
        yield Cluster(process)


def steps(traces: Path) -> list[Step]:
    file = traces / "steps"
    rows = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
    return [Step(node, process, x, int(number)) for node, process, x, number in rows]


def start(folder: Path, address: str) -> "subprocess.Popen[bytes]":
    """Run the study of ``CODE`` on the cluster, as a user does."""
    (folder / "spread.yaml").write_text(YAML)
    (folder / "spread.py").write_text(CODE)
    environment = {**os.environ, "RAY_ADDRESS": address, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [*RUN, "--no-finalize", "--quiet", "--out", "run"], env=environment, cwd=folder
    )


def wait_for_checkpoints(nodes: set[str], traces: Path, study: "subprocess.Popen[bytes]") -> None:
    """Until a trial on each of the nodes is in its last step."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while {step.node for step in steps(traces) if step.number == STEPS} != nodes:
        assert study.poll() is None, "the study ended"
        assert time.monotonic() < deadline, "not every node has a trial"
        time.sleep(0.05)


def result(folder: Path) -> Study:
    journal = Journal.open(folder / "run")
    journal.close()
    return journal.study


def test_trials_spread_and_those_of_a_node_that_dies_go_on_elsewhere(
    cluster: Cluster, traces: Path, tmp_path: Path
) -> None:
    study = start(tmp_path, cluster.address)
    wait_for_checkpoints(set(cluster.nodes), traces, study)
    cluster.switch_off(traces)
    (traces / "go").touch()
    assert study.wait(LIMIT_SECONDS) == 0

    trials = result(tmp_path).trials
    assert [trial.id for trial in trials] == list(range(TRIALS))
    assert {trial.state for trial in trials} == {TrialState.COMPLETED}
    done = defaultdict(list)
    for step in steps(traces):
        done[step.x].append(step)
    (moved,) = [mine for mine in done.values() if len({step.node for step in mine}) > 1]
    assert moved[0].node == cluster.nodes[-1]
    assert [step.number for step in moved] == [*range(1, STEPS + 1), STEPS], "not from a checkpoint"
    assert sum(map(len, done.values())) == TRIALS * STEPS + 1, "others were done again"
    unpacked = (traces / "unpacked").read_text().split()
    assert sorted(unpacked) == sorted({step.process for step in steps(traces)}), "more than once"
