"""Kill the driver of one study at random instants, resume it each time, and keep the accounts."""

import math
import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from meta.study import Study, TrialState
from tuner.errors import RunDirectoryError
from tuner.journal import Journal
from tuner.journal_file import Entry, connect_readonly, read_entries

YAML = """
version: 1
task: {{dataset: bowl, model: curve, trainable: toy}}
metric: {{name: loss, mode: min, low: 0, high: 10}}
space:
  x: {{float: [0, 1], default: 0.9}}
  y: {{float: [0, 1], default: 0.1}}
  step_seconds: {{float: [0.05, 0.15]}}
budget: {{trials: {trials}, max_steps: 9}}
resources: {{cpu: 1, gpu: 0}}
sampler: random
"""
LONGEST_SECONDS = 120
WORK_SECONDS = 2.0
MEASUREMENTS = "SELECT count(*) FROM events WHERE kind = 'measured'"


@dataclass
class Toll:
    """What the kills cost; ``seconds`` from each start of a driver to its first measurement."""

    kills: int = 0
    lost: int = 0
    interrupted: int = 0
    seconds: list[float] = field(default_factory=list)

    @property
    def usual_seconds(self) -> float:
        return median(self.seconds) if self.seconds else 0.0


class Victim:
    """A study of toy trials on the Ray at ``address``, whose driver can be started again."""

    def __init__(self, folder: Path, address: str, trials: int) -> None:
        self._out = folder / "run"
        self._file = folder / "kills.yaml"
        self._file.write_text(YAML.format(trials=trials))
        self._options = ["--quiet", "--address", address, "--no-finalize"]
        self._log = folder / "drivers.log"

    def drive(self) -> "subprocess.Popen[bytes]":
        """Begin the study, or go on with it."""
        words = ["run", str(self._file), "--no-history", "--out", str(self._out)]
        if self._out.exists():
            words = ["resume", str(self._out)]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "tuner", *words, *self._options], stdout=log, stderr=log
            )

    @property
    def entries(self) -> list[Entry]:
        """What the journal holds, seen from another process; raises where it is damaged."""
        try:
            Journal.open(self._out).close()
        except RunDirectoryError as error:
            if "holds no study" in str(error):
                return []
            raise
        with closing(connect_readonly(self._out)) as reader:
            return list(read_entries(reader))

    @property
    def measurements(self) -> int:
        """How many the journal holds; cheap."""
        with suppress(sqlite3.Error), closing(connect_readonly(self._out)) as reader:
            return int(reader.execute(MEASUREMENTS).fetchone()[0])
        return 0

    @property
    def study(self) -> Study:
        journal = Journal.open(self._out)
        journal.close()
        return journal.study

    def said(self) -> str:
        return self._log.read_text()[-2000:]


def kill_again_and_again(victim: Victim, kills: int, seed: int) -> Toll:
    """Kill and resume, then let the study end; raises ``AssertionError`` with what was said.

    Half of the drivers are killed while they start, at any instant, the others while they work; the
    first lives until the study has begun. Every event that is in the journal before a kill must be
    there after it, unchanged.
    """
    generator, toll = random.Random(seed), Toll()
    known: list[Entry] = []
    for _ in range(kills):
        driver = victim.drive()
        _let_live(driver, victim, toll, generator)
        assert driver.poll() is None, f"the driver ended before it was killed: {victim.said()}"
        known = victim.entries
        driver.kill()
        driver.wait()
        after = victim.entries
        toll.kills += 1
        toll.lost += sum(after[n : n + 1] != [entry] for n, entry in enumerate(known))
        toll.interrupted += sum(t.state is TrialState.RUNNING for t in victim.study.trials)
        known = after
    driver = victim.drive()
    assert driver.wait(LONGEST_SECONDS + 2 * kills) == 0, victim.said()
    return toll


def _let_live(
    driver: "subprocess.Popen[bytes]",
    victim: Victim,
    toll: Toll,
    generator: random.Random,
) -> None:
    """Until the instant of its death."""
    if toll.seconds and generator.random() < 0.5:
        time.sleep(toll.usual_seconds * generator.random())
        return
    if seconds := _seconds_until_more_than(victim.measurements, victim, driver):
        toll.seconds.append(seconds)
    time.sleep(WORK_SECONDS * generator.random())


def _seconds_until_more_than(
    count: int, victim: Victim, driver: "subprocess.Popen[bytes]"
) -> float | None:
    """How long it takes until the journal holds more measurements; None if too long."""
    began = time.monotonic()
    while time.monotonic() - began < LONGEST_SECONDS and driver.poll() is None:
        if victim.measurements > count:
            return time.monotonic() - began
        time.sleep(0.05)
    return None


def assert_as_if_nothing_had_happened(study: Study, trials: int) -> None:
    """Every trial is there once and measured what its configuration gives."""
    assert [trial.id for trial in study.trials] == list(range(trials))
    assert {t.state for t in study.trials} <= {TrialState.COMPLETED, TrialState.STOPPED}
    for trial in study.trials:
        x, y = float(trial.config["x"]), float(trial.config["y"])
        steps = [item.step for item in trial.measurements]
        assert steps == list(range(1, len(steps) + 1)), trial
        assert len(steps) == 9 or trial.state is TrialState.STOPPED
        for item in trial.measurements:
            value = (x - 0.3) ** 2 + (y - 0.7) ** 2 + math.exp(-item.step / 2)
            assert math.isclose(item.value, value, rel_tol=1e-9)
