"""MPS is used, left alone or given up, with a stand-in for NVIDIA's control program."""

import os
from pathlib import Path

import pytest

from tuner import mps

CONTROL = """#!/bin/sh
alive="${CUDA_MPS_PIPE_DIRECTORY:-%s}/alive"
if [ "$1" = -d ]; then
  [ -e %s/forbidden ] && { echo "An instance is not allowed"; exit 1; }
  touch "$alive"; touch %s/started
  exit
fi
read command
[ -e "$alive" ] || { echo "Cannot find MPS control daemon process"; exit 1; }
if [ "$command" = quit ]; then rm "$alive"; touch %s/ended; fi
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the program, where it says what it did; a GPU works through it."""
    program = tmp_path / mps.CONTROL
    program.write_text(CONTROL.replace("%s", str(tmp_path)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(mps, "PROBE", "")
    for name in mps.FOLDERS:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def did(machine: Path) -> set[str]:
    return {path.name for path in machine.iterdir()} - {mps.CONTROL}


def test_it_is_started_for_a_block_and_ended_after_it(machine: Path) -> None:
    with mps.served(True) as said:
        assert said == "used: started"
        assert Path(os.environ["CUDA_MPS_PIPE_DIRECTORY"], "alive").exists()
    assert did(machine) == {"started", "ended"}
    assert not set(mps.FOLDERS) & set(os.environ)


def test_it_sees_every_gpu_by_the_number_that_its_clients_use(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setattr(mps, "PROBE", "import os; 'CUDA_VISIBLE_DEVICES' in os.environ and 1 / 0")
    with mps.served(True) as said:
        assert said == "used: started"
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"


def test_one_that_runs_is_used_and_left_running(machine: Path) -> None:
    (machine / "alive").touch()
    with mps.served(True) as said:
        assert said == "used: was running"
    assert did(machine) == {"alive"}


def test_where_no_process_gets_to_a_gpu_through_it_the_study_goes_without(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mps, "PROBE", "raise SystemExit('CUDA error 805')")
    with mps.served(True) as said:
        assert said == "not used: CUDA error 805"
        assert did(machine) == {"started", "ended"}
        assert not set(mps.FOLDERS) & set(os.environ)


def test_where_it_may_not_be_started_the_reason_is_told(machine: Path) -> None:
    (machine / "forbidden").touch()
    with mps.served(True) as said:
        assert said == "not used: An instance is not allowed"
    assert not set(mps.FOLDERS) & set(os.environ)


def test_without_the_program_or_a_gpu_nothing_is_started(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mps.served(False) as said:
        assert said == ""
    monkeypatch.setenv("PATH", "")
    with mps.served(True) as said:
        assert said == f"not used: no {mps.CONTROL} on this machine"
    assert did(machine) == set()
