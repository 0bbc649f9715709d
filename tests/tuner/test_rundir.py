"""Run directories: who owns them, and what they say."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tuner.errors import EnvironmentFault, RunDirectoryError
from tuner.rundir import RunLock, kept_if_used, new_directory, runs, write_status

HOLD = "import sys; from tuner.rundir import RunLock; from pathlib import Path\n" + (
    "with RunLock(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
)


def test_every_run_has_a_directory_of_its_own(home: Path) -> None:
    made = {new_directory("toy-warm-0", None) for _ in range(3)}
    assert len(made) == 3
    assert set(runs()) == made
    assert all(path.parent == home / "runs" for path in made)


def test_a_directory_that_holds_something_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert new_directory("toy", out) == out
    (out / "journal.db").touch()
    with pytest.raises(RunDirectoryError, match=r"not empty\. Go on with `tuner resume"):
        new_directory("toy", out)


def test_a_directory_that_cannot_be_made_is_an_environment_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentFault, match="Use --out with another folder"):
        new_directory("toy", tmp_path / "file" / "out")


def test_a_second_process_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"held\n"
        with pytest.raises(RunDirectoryError, match=f"in use by pid {owner.pid} on host"):
            RunLock(tmp_path).__enter__()
        owner.kill()
        owner.wait()
        with RunLock(tmp_path):
            assert json.loads((tmp_path / "lock.json").read_text())["pid"] == os.getpid()


def test_a_lock_can_be_taken_again_after_it_was_given_up(tmp_path: Path) -> None:
    for _ in range(2):
        with RunLock(tmp_path), pytest.raises(RunDirectoryError):
            RunLock(tmp_path).__enter__()


def test_the_status_is_always_a_whole_json_object(tmp_path: Path) -> None:
    write_status(tmp_path, state="running", pid=1)
    write_status(tmp_path, state="ended", exit_code=4)
    assert json.loads((tmp_path / "status.json").read_text()) == {"state": "ended", "exit_code": 4}
    assert len(list(tmp_path.iterdir())) == 1


def test_a_new_directory_stays_only_if_something_came_into_it(tmp_path: Path) -> None:
    with kept_if_used(new_directory("toy", tmp_path / "a")) as used:
        (used / "journal.db").touch()
    with kept_if_used(new_directory("toy", tmp_path / "b")):
        pass
    assert list(tmp_path.iterdir()) == [used]
