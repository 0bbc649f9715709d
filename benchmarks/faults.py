"""What faults cost, by the rows of the fault table: figures, and the page that shows them.

python -m benchmarks.faults [ROW…]    measures, and writes results/faults.json
python -m benchmarks.faults --page    writes docs/reliability.md from that file
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from meta.study import TrialState
from tests.faults.test_journal import KILLED, RACERS, everything
from tests.faults.test_repair import assert_nothing_wrong, damaged_copy
from tests.tuner.test_journal import write_study
from tests.tuner.test_journal_faults import Damage, flip_a_bit, truncate
from tuner.errors import JournalDamaged, RunDirectoryError
from tuner.journal import FILE_NAME, Journal, connect_readonly, read_entries
from tuner.repair import repair

RESULTS = Path(__file__).with_name("results") / "faults.json"
PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
KILLS = 300
RACES = 50
DAMAGES = 1000

ROWS = {
    1: ("driver killed (SIGKILL) at a random instant", "tuner/test_driver.py"),
    2: ("driver killed before, in or after a journal transaction", "faults/test_journal.py"),
    3: ("SIGTERM, Ctrl-C, and a second signal", "tuner/test_signals.py"),
    4: ("worker killed (SIGKILL)", "tuner/test_driver.py"),
    5: ("worker leaves with exit code 0", "tuner/test_driver.py"),
    6: ("trainable raises", "tuner/test_driver.py"),
    7: ("trainable reports nothing", "tuner/test_driver.py"),
    8: ("trainable hangs", "faults/test_worker.py"),
    9: ("NaN at some step", "tuner/test_driver.py"),
    10: ("infinite values, values outside the metric's range", "tuner/test_driver.py"),
    11: ("every trial fails", "tuner/test_driver.py"),
    12: ("machine out of memory", "faults/test_worker.py"),
    17: ("tracking server down at the start, or never answering", "tuner/test_past.py"),
    18: ("tracking server answers 429 or 500", "tuner/tracking/test_projector.py"),
    19: ("tracking server loses an answer", "tuner/tracking/test_projection_faults.py"),
    20: ("disk full at any write of the journal", "faults/test_journal.py"),
    21: ("disk full at a checkpoint", "faults/test_worker.py"),
    22: ("run directory read-only, moved or replaced", "faults/test_journal.py"),
    23: ("journal cut short", "faults/test_repair.py"),
    24: ("journal with a flipped bit", "faults/test_repair.py"),
    25: ("checkpoint cut short", "faults/test_worker.py"),
    27: ("two runs want one run directory", "faults/test_journal.py"),
    30: ("clock jumps by an hour, or to 1970", "faults/test_journal.py"),
    35: ("resume with a changed file or other versions", "tuner/test_changes.py"),
    36: ("resume of a finished study, or of one that runs", "tuner/test_driver.py"),
    38: ("ray job stop", "tuner/test_jobs.py"),
}
"""The rows that a test covers: the fault, and the file of the test."""


def kills(folder: Path) -> dict[str, object]:
    subprocess.run([sys.executable, "-c", KILLED, str(folder), str(KILLS)], check=True)
    lost = 0
    for number in range(KILLS):
        acknowledged = (folder / str(number) / "acknowledged").stat().st_size
        with closing(connect_readonly(folder / str(number))) as reader:
            events = [entry.event for entry in read_entries(reader)]
        lost += max(0, acknowledged - len(events)) + (events != everything()[: len(events)])
    return {"kills": KILLS, "acknowledged events lost": lost}


def races(folder: Path) -> dict[str, object]:
    command = [sys.executable, "-c", RACERS, str(folder), str(RACES)]
    raced = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    wrong = sum(sorted(line.split()) not in (["0", "1"], ["1", "1"]) for line in raced)
    return {"races": len(raced), "double owners": wrong}


def damages(folder: Path, damage: Damage) -> dict[str, object]:
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


MEASURES: dict[int, Callable[[Path], dict[str, object]]] = {
    2: kills,
    23: lambda folder: damages(folder, truncate),
    24: lambda folder: damages(folder, flip_a_bit),
    27: races,
}


def measure(rows: list[int]) -> None:
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for row in rows:
        with TemporaryDirectory(prefix="faults-") as folder:
            kept[str(row)] = MEASURES[row](Path(folder))
        print(row, kept[str(row)], flush=True)
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n")


def page() -> str:
    kept = json.loads(RESULTS.read_text())
    lines = [
        "# Reliability",
        "",
        "What goes wrong, the tests (under `tests/`) that make it go wrong, and what it costs.",
        "Written by `python -m benchmarks.faults --page` from what `python -m benchmarks.faults`",
        "measured. After each of these faults `tuner resume` ends the study with all its trials.",
        "",
        "| row | fault | tested by | figure |",
        "|--:|---|---|---|",
    ]
    for row, (fault, test) in ROWS.items():
        figures = kept.get(str(row), {})
        shown = ", ".join(f"{name} {value}" for name, value in figures.items()) or "not measured"
        lines.append(f"| {row} | {fault} | `{test}` | {shown} |")
    return "\n".join(
        [
            *lines,
            "",
            "Ray learns of a worker's end from a closed socket, so the reason of a trial whose",
            "worker died names no signal and no exit code.",
            "",
        ]
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["--page"]:
        PAGE.write_text(page())
    else:
        measure([int(row) for row in sys.argv[1:]] or list(MEASURES))
