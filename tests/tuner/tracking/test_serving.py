"""A registered model is served by one command and answers as the kept one."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from tests.tuner.tracking.test_models import NAME, project, run_directory

PATIENCE_SECONDS = 200


def ask(address: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = Request(address, data, {"Content-Type": "application/json"})
    with urlopen(request, timeout=PATIENCE_SECONDS) as answer:
        return json.loads(answer.read().strip() or "null")


@contextmanager
def serving(uri: str, log: Path) -> Iterator[str]:
    """The address of the server that the documented command starts."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["mlflow", "models", "serve", "-m", f"models:/{NAME}@best"]
    command += ["--env-manager", "local", "--port", str(port)]
    activated = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": activated, "MLFLOW_TRACKING_URI": uri}
    with log.open("w") as file:
        server = subprocess.Popen(
            command, env=environment, stdout=file, stderr=file, start_new_session=True
        )
    try:
        address, until = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                ask(f"{address}/ping")
                break
            except URLError:
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.3)
        yield address
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(20)


@pytest.mark.slow
def test_the_documented_command_serves_the_registered_model(tmp_path: Path, uri: str) -> None:
    project(run_directory(tmp_path / "s1"), uri)
    with serving(uri, tmp_path / "log") as address:
        table = {"columns": ["y", "x"], "data": [[0.6, 0.2], [0.6, 1.2]]}
        answer = ask(f"{address}/invocations", {"dataframe_split": table})
    assert answer == {"predictions": pytest.approx([0.0, 1.0])}
