"""A study whose Ray is gone says so and how to go on, before Ray ends the process silently."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import socket, sys, time
from pathlib import Path
from tuner import lifeline

lifeline.CHECK_SECONDS, lifeline.NODE_SECONDS, lifeline.HEAD_SECONDS = 0.05, 0.1, 0.2
servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
addresses = [server.getsockname() for server in servers]
with lifeline.watched(Path(sys.argv[1]), *addresses):
    time.sleep(0.3)
    print("watched", flush=True)
    servers[int(sys.argv[2])].close()
    time.sleep(60 if sys.argv[3] == "stays" else 0)
print("left", flush=True)
time.sleep(0.5)
"""


def watch(directory: Path, server: int, how: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", CODE, str(directory), str(server), how]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize("server", [0, 1], ids=["node", "head"])
def test_a_ray_that_is_gone_is_said_with_the_way_out(tmp_path: Path, server: int) -> None:
    run = watch(tmp_path, server, "stays")
    assert (run.returncode, run.stdout) == (3, "watched\n")
    assert run.stderr.startswith(f"tuner: error: {tmp_path}: Ray is gone (nothing answers at 127.")
    assert f"`tuner resume {tmp_path}`" in run.stderr
    status = json.loads((tmp_path / "status.json").read_text())
    assert (status["state"], status["exit_code"]) == ("ended", 3)
    assert status["error"] in run.stderr


def test_a_ray_may_go_when_the_study_is_over(tmp_path: Path) -> None:
    run = watch(tmp_path, 0, "leaves")
    assert (run.returncode, run.stdout, run.stderr) == (0, "watched\nleft\n", "")
