"""``ray job submit`` on a cluster that asks for a token: run, stop, resume."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from docs.transcript import run
from meta.study import Trial, TrialState
from tuner.config import RunOptions
from tuner.driver import resume
from tuner.errors import RunDirectoryError
from tuner.journal import Journal

ROOT = Path(__file__).parents[2]
RAY = str(Path(sys.executable).with_name("ray"))
SUBMIT = ["job", "submit", "--working-dir", str(ROOT)]
RUN = ["--", "python", "-m", "tuner", "run", "toy-curve", "--no-history", "--quiet"]

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def cluster_of_one_node(home: Path) -> Iterator[dict[str, str]]:
    """The environment of somebody who may use the cluster; its ``HOME`` holds all."""
    (home / ".ray").mkdir()
    (home / ".ray" / "auth_token").write_text("0123456789abcdef" * 4)
    dashboard = str(free_port())
    environment = {
        **os.environ,
        "HOME": str(home),
        "TUNER_HOME": str(home / "tuner"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "RAY_AUTH_MODE": "token",
        "RAY_API_SERVER_ADDRESS": f"http://127.0.0.1:{dashboard}",
    }
    head = ["start", "--head", "--block", "--num-cpus", "2", "--disable-usage-stats"]
    ports = ["--port", str(free_port()), "--dashboard-port", dashboard]
    ports += ["--ray-client-server-port", str(free_port())]
    ports += ["--dashboard-agent-listen-port", str(free_port())]  # else one for the whole machine
    log = home / "head.log"
    with (
        TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder,  # sockets: short
        log.open("w") as output,
        subprocess.Popen(
            [RAY, *head, *ports, "--temp-dir", folder],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            wait_until(lambda: _takes_jobs(environment, log), "the cluster takes no jobs", log)
            yield environment
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with cluster_of_one_node(tmp_path_factory.mktemp("cluster")) as environment:
        yield environment


def wait_until(happened: Callable[[], bool], complaint: str, log: Path | None = None) -> None:
    deadline = time.monotonic() + 180
    while not happened():
        assert time.monotonic() < deadline, f"{complaint}\n{log.read_text() if log else ''}"
        time.sleep(0.5)


def _takes_jobs(environment: dict[str, str], log: Path) -> bool:
    """The agent that starts jobs comes up some time after the dashboard; a job before may hang."""
    try:
        job = ray(environment, "job", "submit", "--", "true", limit_seconds=60)
    except subprocess.TimeoutExpired:
        return False
    with log.open("a") as output:
        output.write(job.stdout + job.stderr)
    return job.returncode == 0


def _ended(directory: Path) -> list[Trial]:
    """The trials of a study at work that have ended."""
    try:
        log = Journal.open(directory)
    except RunDirectoryError:
        return []
    log.close()
    return [trial for trial in log.study.trials if trial.state is not TrialState.RUNNING]


def ray(
    environment: dict[str, str], *words: str, limit_seconds: int = 240
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [RAY, *words], env=environment, capture_output=True, text=True, timeout=limit_seconds
    )


def test_a_job_runs_and_keeps_its_state_outside_its_working_directory(
    cluster: dict[str, str],
) -> None:
    job = ray(cluster, *SUBMIT, *RUN, "--trials", "4")
    assert job.returncode == 0, job.stdout + job.stderr
    assert "best value" in job.stdout
    home = Path(cluster["TUNER_HOME"])
    assert (home / "mlflow.db").is_file()
    (directory,) = (home / "runs").iterdir()
    status = json.loads((directory / "status.json").read_text())
    assert status == {"state": "ended", "exit_code": 0}


def test_without_the_token_the_job_is_refused(cluster: dict[str, str]) -> None:
    stranger = {**cluster, "HOME": cluster["HOME"] + "/nobody", "RAY_AUTH_TOKEN": "f" * 64}
    job = ray(stranger, *SUBMIT, *RUN)
    assert job.returncode != 0
    assert "uthenticat" in job.stdout + job.stderr


def start_slow(cluster: dict[str, str], out: Path) -> None:
    """Submit a study as the job ``slow``, and wait until a trial of it has ended."""
    slow = ["--set", "space.step_seconds={float: [0.1, 0.2]}", "--out", str(out)]
    job = ray(cluster, *SUBMIT, "--no-wait", "--submission-id", "slow", *RUN, *slow)
    assert job.returncode == 0, job.stdout + job.stderr
    wait_until(lambda: bool(_ended(out)), "the job ended no trial")


def stop_slow(cluster: dict[str, str], out: Path) -> int:
    """Stop that job; the exit code of the study."""
    ray(cluster, "job", "stop", "slow")
    wait_until(lambda: "exit_code" in (out / "status.json").read_text(), "the job goes on")
    return int(json.loads((out / "status.json").read_text())["exit_code"])


@pytest.mark.usefixtures("ray_cluster")
def test_a_stopped_job_can_be_resumed(cluster: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "run"
    start_slow(cluster, out)
    assert stop_slow(cluster, out) == 143
    before = _ended(out)
    study = resume(out, RunOptions(quiet=True)).study
    assert len(before) < len(study.trials) == 20
    assert [study.trials[trial.id] for trial in before] == before


def test_the_page_on_clusters_goes_as_it_says(cluster: dict[str, str]) -> None:
    page = (ROOT / "docs" / "cluster.md").read_text()
    blocks = run(page, cluster)
    out = Path(cluster["HOME"]) / ".warmtune" / "runs" / "toy"
    stopped = next(blocks)
    before = _ended(out)
    resumed, listed = blocks
    for step in (*stopped, *resumed, *listed):
        assert step.code == 0, f"{step.command}\n{step.output}"
    assert len(stopped[1].output.splitlines()) == 4
    assert '"exit_code": 143' in stopped[-1].output
    assert "toy-curve, warm, seed 0: 60 trials in" in resumed[0].output
    assert re.search(r"toy-curve +warm +0 +60 +value", listed[0].output)
    after = _ended(out)
    assert 4 <= len(before) < len(after) == 60
    assert [after[trial.id] for trial in before] == before
