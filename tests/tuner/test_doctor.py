import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tuner import doctor
from tuner.cli import main
from tuner.doctor import Check, check


def found(name: str, data_dir: Path | None = None) -> Check:
    return {item.name: item for item in check(data_dir)}[name]


@pytest.fixture
def listening() -> Iterator[int]:
    """A port on which somebody answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def silent() -> int:
    """A port on which nobody does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_machine_that_has_what_a_run_needs_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    checks = {item["name"]: item for item in json.loads(capsys.readouterr().out)["checks"]}
    assert all(item["ok"] and item["remedy"] == "" for item in checks.values())
    assert {"python", "ray", "mlflow", "ray cluster", "gpu", "mlflow store", "disk"} <= set(checks)
    assert {"data adult", "data diabetes", "data wine-quality"} <= set(checks)


def test_a_fault_is_told_with_its_remedy_and_exit_code_3(
    monkeypatch: pytest.MonkeyPatch, silent: int, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{silent}")
    assert main(["doctor"]) == 3
    out, err = capsys.readouterr()
    assert re.search("ray cluster +broken", out)
    assert err.startswith(f"tuner: error: ray cluster: 127.0.0.1:{silent}: cannot be reached")
    assert "Start it with `ray start --head`, or unset RAY_ADDRESS." in err


def test_services_that_are_named_are_reached(
    monkeypatch: pytest.MonkeyPatch, listening: int
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", f"ray://127.0.0.1:{listening}")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{listening}/x")
    assert found("ray cluster").ok
    store = found("mlflow store")
    assert store == Check("mlflow store", True, f"http://me:***@127.0.0.1:{listening}/x: answers")


@pytest.mark.parametrize(
    ("uri", "what"),
    [("./mlruns", "no file stores"), ("http://127.0.0.1:{silent}", "cannot be reached")],
)
def test_a_store_that_cannot_be_used_is_told(
    uri: str, what: str, monkeypatch: pytest.MonkeyPatch, silent: int
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri.format(silent=silent))
    store = found("mlflow store")
    assert not store.ok
    assert what in store.detail
    assert "MLFLOW_TRACKING_URI" in store.remedy


def test_a_damaged_store_is_told_and_one_that_is_missing_is_not_made(home: Path) -> None:
    assert found("mlflow store").detail.endswith("none yet, the first run makes it")
    assert not home.exists()
    home.mkdir()
    (home / "mlflow.db").write_bytes(b"no database" * 100)
    store = found("mlflow store")
    assert not store.ok
    assert "file is not a database" in store.detail


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PACKAGES", ("no-such-package",))
    missing = Check(
        "no-such-package", False, "not installed", "Run `pip install -e .` in the checkout."
    )
    assert found("no-such-package") == missing


def test_a_gpu_is_named_and_a_broken_driver_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*_: object, **__: object) -> SimpleNamespace:
        return SimpleNamespace(stdout="NVIDIA H100, 81559 MiB\nNVIDIA H100, 81559 MiB\n")

    def fail(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(9, "nvidia-smi")

    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert found("gpu").detail == "none, trials run on the CPU"
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(subprocess, "run", answer)
    assert found("gpu").detail == "NVIDIA H100, 81559 MiB; NVIDIA H100, 81559 MiB"
    monkeypatch.setattr(subprocess, "run", fail)
    assert not found("gpu").ok


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5_000_000))
    disk = found("disk")
    assert not disk.ok
    assert disk.detail.endswith("0.0 GB free")
    assert "TUNER_HOME" in disk.remedy


def test_a_home_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    disk = found("disk")
    assert not disk.ok
    assert disk.detail.endswith("not writable")


def test_data_are_located_where_a_run_would_take_them(shared_dir: Path) -> None:
    data = shared_dir / "data"
    assert found("data adult", data).detail == f"in {data / 'uci' / 'adult'}"
