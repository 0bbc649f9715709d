"""MLflow's own user interface, on the store in use."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tuner.errors import EnvironmentFault
from tuner.tracking.store import StoreUnavailable
from tuner.tracking.ui import open_ui


def test_the_address_of_a_server_is_printed_without_its_password(
    capsys: pytest.CaptureFixture[str],
) -> None:
    open_ui("https://ann:secret@mlflow.example/")
    assert capsys.readouterr().out == "https://ann:***@mlflow.example/\n"


def test_a_port_that_is_taken_is_said_with_the_way_out(uri: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EnvironmentFault, match=rf"{port}: Address already in use. Use --port"):
            open_ui(uri, port=port)


def test_a_store_that_mlflow_would_migrate_is_not_opened(store: Path, uri: str) -> None:
    store.write_bytes(b"")
    with pytest.raises(StoreUnavailable):
        open_ui(uri, port=0)


def test_the_ui_is_opened_on_the_charts_of_the_experiment(
    uri: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(os, "execve", lambda _, command, __: commands.append(command))
    open_ui(uri, port=0)
    printed = capsys.readouterr().out
    assert "/#/experiments/1/runs?workflowType=machine_learning&compareRunsMode=CHART" in printed
    (command,) = commands
    assert command[command.index("--backend-store-uri") + 1] == uri
    assert command[command.index("--host") + 1] == "127.0.0.1"


@pytest.mark.slow
def test_the_ui_answers_and_ends_with_all_its_processes(uri: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code = f"from tuner.tracking import open_ui; open_ui({uri!r}, port={port})"
    ui = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        assert _health(port) == b"OK"
    finally:
        ui.send_signal(signal.SIGTERM)
        ui.wait(60)
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)


def _health(port: int) -> bytes:
    for _ in range(240):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                return bytes(answer.read())
        except OSError:
            time.sleep(0.5)
    raise AssertionError("the server did not start")
