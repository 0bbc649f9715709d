"""Signals: the first asks, the second stops."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tuner.studies import journal
from tuner.config import Budget
from tuner.limits import Limits
from tuner.signals import Signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_asks_to_stop_and_gives_the_handler_back(number: int, tmp_path: Path) -> None:
    before = signal.getsignal(number)
    with Signals() as signals:
        watch = Limits(journal(tmp_path), Budget(), signals)
        os.kill(os.getpid(), number)
        assert watch.stop_all()
        assert watch.reason == f"interrupted by {signal.Signals(number).name}"
    assert signal.getsignal(number) is before


def test_a_second_signal_stops_at_once() -> None:
    code = "import os, signal; from tuner.signals import Signals\nwith Signals():\n" + (
        "  for _ in range(2): os.kill(os.getpid(), signal.SIGTERM)\n  print('still here')"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (143, "")
