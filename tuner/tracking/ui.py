"""Opens MLflow's own user interface on the store in use."""

import os
import socket
import sys

from tuner.errors import EnvironmentFault
from tuner.home import redact
from tuner.tracking.store import connect, open_experiment, sqlite_path

NO_JOBS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
"""Without it the server starts a job runner that takes memory and has nothing to run."""

CHARTS = "workflowType=machine_learning&compareRunsMode=CHART"
"""Without it the UI opens its view for generative AI; its table shows no metrics unasked."""


def open_ui(
    uri: str, experiment: str = "warmtune", host: str = "127.0.0.1", port: int = 5000
) -> None:
    """Become the MLflow server of a SQLite store; of a server, print the address.

    Raises ``EnvironmentFault`` if the port is taken, ``StoreUnavailable`` for a store that this
    MLflow cannot read.
    """
    if sqlite_path(uri) is None:
        print(redact(uri))
        return
    _check_port(host, port)
    experiment_id = open_experiment(connect(uri), experiment, uri)
    print(f"http://{host}:{port}/#/experiments/{experiment_id}/runs?{CHARTS}", flush=True)
    print("It is ready in a few seconds; Ctrl-C ends it.", flush=True)
    command = [sys.executable, "-W", "ignore", "-m", "mlflow", "server", "--workers", "1"]
    command += ["--host", host, "--port", str(port), "--backend-store-uri", uri]
    command += ["--uvicorn-opts", "--log-level=warning"]
    os.execve(sys.executable, command, {**NO_JOBS, **os.environ})


def _check_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise EnvironmentFault(
                f"{host}:{port}: {error.strerror}. Use --port with another number."
            ) from None
