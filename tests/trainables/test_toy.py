import math
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.trainables.recorder import Recorder
from trainables import toy
from trainables.base import DataRequest

ROOT = Path(__file__).parents[2]


def test_the_curve_falls_and_is_lowest_in_the_middle_of_the_bowl() -> None:
    best, other = Recorder(), Recorder()
    toy.train({"x": 0.3, "y": 0.7}, best)
    toy.train({"x": 0.5}, other)
    assert [report.step for report in best.reports] == list(range(1, 11))
    assert best.values == sorted(best.values, reverse=True)
    assert best.values[-1] == pytest.approx(math.exp(-5))
    assert [b - a for a, b in zip(best.values, other.values, strict=True)] == pytest.approx(
        [0.04] * 10
    )


@pytest.mark.parametrize(
    ("mode", "value"), [("nan", math.nan), ("inf", math.inf), ("out_of_range", -1), ("text", str)]
)
def test_a_faulty_value_is_reported_at_its_step_only(mode: str, value: object) -> None:
    recorder = Recorder(max_steps=5)
    toy.train({"mode": mode, "at": 3}, recorder)
    faulty = recorder.reports.pop(2).value
    assert isinstance(faulty, str) if value is str else faulty == pytest.approx(value, nan_ok=True)
    assert all(0 < value < 1 for value in recorder.values)


@pytest.mark.parametrize(("mode", "error"), [("raise", RuntimeError), ("oom", MemoryError)])
def test_a_trial_that_raises_has_reported_the_steps_before(
    mode: str, error: type[Exception]
) -> None:
    recorder = Recorder()
    with pytest.raises(error):
        toy.train({"mode": mode, "at": 3}, recorder)
    assert len(recorder.reports) == 2


def test_a_silent_trial_reports_nothing() -> None:
    recorder = Recorder()
    toy.train({"mode": "silent"}, recorder)
    assert not recorder.reports


def test_a_trial_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    first, second = (Recorder(folder=tmp_path / "kept") for _ in range(2))
    with pytest.raises(RuntimeError):
        toy.train({"mode": "raise", "at": 4}, first)
    toy.train({}, second)
    assert [report.step for report in first.reports + second.reports] == list(range(1, 11))


def run(config: str, folder: Path) -> tuple[int, str]:
    """Exit code and reported steps of a toy in its own process."""
    code = (
        "import sys; from pathlib import Path; from tests.trainables.recorder import Recorder\n"
        "from trainables import toy\n"
        "class Printer(Recorder):\n"
        "    def report(self, step, *_): print(step, flush=True)\n"
        f"toy.train({config}, Printer(max_steps=4, folder=Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(folder)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return found.returncode, "".join(found.stdout.split())


def test_a_process_that_exits_or_is_killed_has_kept_its_checkpoint(tmp_path: Path) -> None:
    assert run("{'mode': 'exit', 'at': 3}", tmp_path / "a") == (0, "12")
    assert run("{'mode': 'kill', 'at': 3}", tmp_path / "b") == (-signal.SIGKILL, "12")
    assert run("{'mode': 'kill', 'at': 3}", tmp_path / "b") == (-signal.SIGKILL, "")
    assert run("{'mode': 'kill_once', 'at': 3}", tmp_path / "c") == (-signal.SIGKILL, "12")
    assert run("{'mode': 'kill_once', 'at': 3}", tmp_path / "c") == (0, "34")


def test_steps_can_be_slow_and_a_hanging_one_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    class Enough(Exception):
        pass

    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if seconds > 1000:
            raise Enough

    monkeypatch.setattr(time, "sleep", sleep)
    with pytest.raises(Enough):
        toy.train({"mode": "hang", "at": 3, "step_seconds": 0.5}, Recorder())
    assert slept == [0.5, 0.5, 0.5, 3600]


def test_every_mode_of_the_table_is_named_in_it() -> None:
    assert toy.__doc__
    assert all(f" {mode}" in toy.__doc__ for mode in [*toy.FAULTS, "ok", "silent", "kill_once"])


def test_the_data_are_trivial() -> None:
    assert toy.load(DataRequest("bowl", 0)).fingerprint == "toy-bowl"
