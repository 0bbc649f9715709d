"""What a run needs, checked in seconds: starts no Ray, makes no store, fetches no data."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

from tuner.catalogue import configs, whereabouts
from tuner.changes import PACKAGES
from tuner.errors import TunerError
from tuner.home import SQLITE, default_tracking_uri, home, redact

TIMEOUT_SECONDS = 3
NEEDED_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Check:
    """One thing a run needs: how it stands and, where it is not ``ok``, the remedy."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def check(data_dir: Path | None) -> list[Check]:
    """Check everything; what a run can do without is never wrong by its absence."""
    checks = [_python(), *_packages(), _ray(), _gpu(), _store(), _disk(), *_data(data_dir)]
    return [replace(item, remedy="") if item.ok else item for item in checks]


def _python() -> Check:
    ok = (3, 11) <= sys.version_info[:2] <= (3, 12)
    found = ".".join(map(str, sys.version_info[:3]))
    return Check("python", ok, found, "Install Python 3.11 or 3.12.")


def _packages() -> Iterator[Check]:
    for package in PACKAGES:
        try:
            yield Check(package, True, version(package))
        except PackageNotFoundError:
            yield Check(package, False, "not installed", "Run `pip install -e .` in the checkout.")


def _ray() -> Check:
    address = os.environ.get("RAY_ADDRESS", "")
    if address in {"", "auto", "local"}:
        return Check("ray cluster", True, "none named, a run starts one on this machine")
    remedy = "Start it with `ray start --head`, or unset RAY_ADDRESS."
    return _answering("ray cluster", address, address.removeprefix("ray://"), remedy)


def _gpu() -> Check:
    if not shutil.which("nvidia-smi"):
        return Check("gpu", True, "none, trials run on the CPU")
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return Check("gpu", False, f"nvidia-smi fails ({error})", "Mend the NVIDIA driver.")
    return Check("gpu", True, "; ".join(answer.stdout.splitlines()))


def _store() -> Check:
    remedy = "Mend it, or point MLFLOW_TRACKING_URI elsewhere; a study runs without and logs later."
    try:
        uri = default_tracking_uri()
        if uri.startswith(SQLITE):
            return Check("mlflow store", True, _file_store(uri))
    except TunerError as error:
        return Check("mlflow store", False, str(error), remedy)
    parts = urlsplit(uri)
    place = parts.netloc.rpartition("@")[2]
    port = {"http": 80, "https": 443}[parts.scheme]
    place = place if parts.port else f"{place}:{port}"
    return _answering("mlflow store", redact(uri), place, remedy)


def _file_store(uri: str) -> str:
    path = Path(uri.removeprefix(SQLITE))
    if not path.exists():
        return f"{path}: none yet, the first run makes it"
    from tuner.tracking.store import connect

    connect(uri)
    return f"{path}: can be used"


def _answering(name: str, shown: str, place: str, remedy: str) -> Check:
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), TIMEOUT_SECONDS).close()
    except (OSError, ValueError) as error:
        return Check(name, False, f"{shown}: cannot be reached ({error})", remedy)
    return Check(name, True, f"{shown}: answers")


def _disk() -> Check:
    folder = next(path for path in (home(), *home().parents) if path.is_dir())
    free = shutil.disk_usage(folder).free
    writable = os.access(folder, os.W_OK)
    detail = f"{home()}: {free / 1e9:.1f} GB free" + ("" if writable else ", not writable")
    remedy = "Free space, or point TUNER_HOME to a folder with room that you may write to."
    return Check("disk", writable and free >= NEEDED_BYTES, detail, remedy)


def _data(data_dir: Path | None) -> Iterator[Check]:
    datasets = {config.task.dataset: config for config in configs().values()}
    for dataset, config in datasets.items():
        yield Check(f"data {dataset}", True, whereabouts(config, data_dir))
