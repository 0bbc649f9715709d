"""A PostgreSQL of one's own on loopback, and an MLflow server on it."""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import URLError
from urllib.request import urlopen

INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
LIMIT_SECONDS = 240


def programs() -> Path | None:
    """Where PostgreSQL's programs are; Debian keeps them off the path."""
    found = shutil.which("initdb")
    return INSTALLED[-1] if INSTALLED else Path(found).parent if found else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def postgresql(bin: Path) -> Iterator[tuple[str, str]]:
    """The address of an empty database without its password, and the password."""
    nobody = pwd.getpwnam("postgres" if _known("postgres") else "nobody")
    user = nobody.pw_uid if os.getuid() == 0 else None  # it refuses to run as root
    with TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        password = Path(folder) / "password"
        password.write_text("p@ss word")
        if user is not None:
            for path in (folder, password):
                os.chown(path, user, -1)
        data, port = f"{folder}/data", free_port()
        make = [bin / "initdb", "-D", data, "-U", "mlflow", "-A", "scram-sha-256"]
        subprocess.run(
            [*make, f"--pwfile={password}"], user=user, check=True, stdout=subprocess.DEVNULL
        )
        serve = [bin / "postgres", "-D", data, "-p", str(port), "-k", folder, "-h", "127.0.0.1"]
        with (Path(folder) / "log").open("wb") as log:
            server = subprocess.Popen(serve, user=user, stderr=log)
        try:
            yield f"mlflow@127.0.0.1:{port}/postgres", "p@ss word"
        finally:
            server.terminate()
            server.wait(60)


def _known(name: str) -> bool:
    return any(entry.pw_name == name for entry in pwd.getpwall())


@contextmanager
def mlflow_server(script: Path, folder: Path, database: str, password: str) -> Iterator[str]:
    """The address of the MLflow server that the image starts, on a database."""
    secret = folder / "password"
    secret.write_text(password)
    port = free_port()
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "DATABASE": database,
        "DATABASE_PASSWORD_FILE": str(secret),
    }
    command = [str(script), "postgresql", "--host=127.0.0.1", f"--port={port}"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        _wait(f"http://127.0.0.1:{port}/health", server, folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(60)


def _wait(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while True:
        try:
            with urlopen(address, timeout=5):
                return
        except (URLError, OSError):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.5)
