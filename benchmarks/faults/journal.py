"""What befalls the journal and its directory, without Ray."""

import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from itertools import pairwise
from pathlib import Path

from meta.study import TrialState
from tests.faults.test_journal import (
    JUMPS,
    KILLED,
    RACERS,
    WRITES,
    everything,
    fill_up,
    jumping,
)
from tests.faults.test_repair import assert_nothing_wrong, damaged_copy
from tests.tuner.test_journal import write_study
from tests.tuner.test_journal_faults import Damage, flip_a_bit, truncate
from tuner.errors import JournalDamaged, RunDirectoryError
from tuner.journal import Journal
from tuner.journal_file import FILE_NAME, connect_readonly, read_entries
from tuner.repair import repair

KILLS = 300
RACES = 50
DAMAGES = 1000

Figures = dict[str, object]


def kills_around_a_commit(folder: Path) -> Figures:
    subprocess.run([sys.executable, "-c", KILLED, str(folder), str(KILLS)], check=True)
    lost = 0
    for number in range(KILLS):
        acknowledged = (folder / str(number) / "acknowledged").stat().st_size
        with closing(connect_readonly(folder / str(number))) as reader:
            events = [entry.event for entry in read_entries(reader)]
        lost += max(0, acknowledged - len(events)) + (events != everything()[: len(events)])
    return {"kills": KILLS, "acknowledged events lost": lost}


def full_disks(folder: Path) -> Figures:
    lost = 0
    for where in ("insert", "commit"):
        for n in range(1, len(WRITES) + 1):
            directory = folder / f"{where}-{n}"
            acknowledged = fill_up(directory, where, n)
            again = Journal.open(directory)
            again.close()
            lost += again.study != acknowledged
    return {"writes that failed": 2 * len(WRITES), "acknowledged events lost": lost}


def unwritable_directory(folder: Path) -> Figures:
    """From the command to its answer, Python's own start included."""
    (folder / "file").write_text("")
    command = [sys.executable, "-m", "tuner", "run", "toy-curve", "--out", str(folder / "file/run")]
    began = time.monotonic()
    run = subprocess.run(command, capture_output=True)
    seconds = round(time.monotonic() - began, 1)
    return {"exit code where it cannot be made": run.returncode, "s to the message": seconds}


def cut_short(folder: Path) -> Figures:
    return _damages(folder, truncate)


def flipped_bits(folder: Path) -> Figures:
    return _damages(folder, flip_a_bit)


def _damages(folder: Path, damage: Damage) -> Figures:
    """Damage the closed file of 20 trials; an error of another kind ends the benchmark."""
    journal = write_study(folder / "pristine", 20)
    journal.close()
    whole = journal.study
    counts: Counter[str] = Counter()
    for seed in range(DAMAGES):
        run = folder / "run"
        damaged_copy(folder / "pristine", run, FILE_NAME, damage, seed)
        try:
            again = Journal.open(run)
        except JournalDamaged:
            try:
                repair(run)
            except RunDirectoryError:
                counts["told to be beyond repair"] += 1
                continue
            again = Journal.open(run)
            counts["repaired"] += 1
            counts["trials kept of those repaired"] += sum(
                t.state is not TrialState.RUNNING for t in again.study.trials
            )
        else:
            counts["harmless"] += 1
            counts["silent losses"] += again.study != whole
        again.close()
        assert_nothing_wrong(again.study, whole)
    return {"damaged": DAMAGES, "tracebacks": 0, "silent losses": 0, **counts}


def races(folder: Path) -> Figures:
    command = [sys.executable, "-c", RACERS, str(folder), str(RACES)]
    raced = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    wrong = sum(sorted(line.split()) not in (["0", "1"], ["1", "1"]) for line in raced)
    return {"races": len(raced), "double owners": wrong}


def clock_jumps(folder: Path) -> Figures:
    negative = disordered = 0
    for n, jump in enumerate(JUMPS):
        entries = jumping(folder / str(n), jump)
        negative += sum(b.elapsed_seconds < a.elapsed_seconds for a, b in pairwise(entries))
        disordered += sum(b.sequence <= a.sequence for a, b in pairwise(entries))
    return {"jumps": len(JUMPS), "negative durations": negative, "events out of order": disordered}
