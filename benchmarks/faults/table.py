"""The rows: the fault, the tests that make it happen, and the function that measures its cost."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.faults import clusters, drivers, journal, pages, past, tracking, trials, workers

Measure = Callable[[Path], dict[str, object]]


@dataclass(frozen=True)
class Row:
    """``tests`` is under `tests/`, empty for what is only measured.

    ``measure`` gets an empty folder and gives figures by name; None where no figure is asked for.
    """

    fault: str
    tests: str
    measure: Measure | None = None


ROWS = {
    1: Row(
        "driver killed (SIGKILL) at a random instant", "faults/test_kills.py", drivers.random_kills
    ),
    2: Row(
        "driver killed before, in or after a journal transaction",
        "faults/test_journal.py",
        journal.kills_around_a_commit,
    ),
    3: Row("SIGTERM, Ctrl-C, and a second signal", "tuner/test_signals.py", drivers.signals),
    4: Row("worker killed (SIGKILL)", "tuner/test_driver.py", trials.killed_workers),
    5: Row("worker leaves with exit code 0", "tuner/test_driver.py", trials.left_workers),
    6: Row("trainable raises", "tuner/test_driver.py", trials.raising),
    7: Row("trainable reports nothing", "tuner/test_driver.py", trials.silent),
    8: Row("trainable hangs", "faults/test_worker.py", trials.hanging),
    9: Row("NaN at some step", "tuner/test_driver.py", trials.not_a_number),
    10: Row(
        "infinite values, values outside the metric's range",
        "tuner/test_driver.py",
        trials.infinite,
    ),
    11: Row("every trial fails", "tuner/test_driver.py", trials.all_fail),
    12: Row("machine out of memory", "faults/test_worker.py", trials.out_of_memory),
    13: Row("GPU out of memory", "tuner/test_admission.py", workers.gpu_memory),
    14: Row("Ray's head or raylet killed", "faults/test_kills.py", drivers.lost_ray),
    15: Row("a node switched off", "tuner/test_several_nodes.py", clusters.switched_off_node),
    16: Row(
        "calls between Ray's processes lost or late", "faults/test_kills.py", drivers.bad_network
    ),
    17: Row("tracking server down, or never answering", "tuner/test_past.py", tracking.store_away),
    18: Row(
        "tracking server dies, or answers 429 or 500",
        "tuner/tracking/test_projector.py",
        tracking.store_fails,
    ),
    19: Row(
        "tracking server loses an answer",
        "tuner/tracking/test_projection_faults.py",
        tracking.answers_lost,
    ),
    20: Row("disk full at any write of the journal", "faults/test_journal.py", journal.full_disks),
    21: Row(
        "disk full at a checkpoint", "faults/test_worker.py", workers.full_disks_at_checkpoints
    ),
    22: Row(
        "run directory cannot be made, moved or replaced",
        "faults/test_journal.py",
        drivers.lost_directory,
    ),
    23: Row("journal cut short", "faults/test_repair.py", journal.cut_short),
    24: Row("journal with a flipped bit", "faults/test_repair.py", journal.flipped_bits),
    25: Row(
        "checkpoint cut short or damaged", "faults/test_worker.py", workers.damaged_checkpoints
    ),
    26: Row(
        "tracking database cut short, locked, or of another version",
        "tuner/tracking/test_store.py",
        tracking.store_spoiled,
    ),
    27: Row("two runs want one run directory", "faults/test_journal.py", journal.races),
    28: Row(
        "several runs write to one tracking store", "tuner/tracking/test_store.py", tracking.writers
    ),
    29: Row("the same command twice", "meta/test_history.py", trials.twice),
    30: Row("clock jumps by an hour, or to 1970", "faults/test_journal.py", journal.clock_jumps),
    31: Row(
        "past with NaN, infinite or constant values, or of the other direction",
        "meta/test_history.py",
        past.spoiled_values,
    ),
    32: Row("past of another space", "meta/test_history.py", past.drifted_spaces),
    33: Row("past of 100,000 trials", "tuner/tracking/test_reader.py", past.large_store),
    34: Row("past that lies", "safety/test_poisoned_history.py", past.adversary),
    35: Row("resume with a changed file or other versions", "tuner/test_changes.py"),
    36: Row(
        "resume of a finished study, or of one that runs", "tuner/test_driver.py", trials.finished
    ),
    37: Row("what 200 trials leave behind: files, processes, memory", "", clusters.leaks),
    38: Row("ray job stop", "tuner/test_jobs.py", clusters.stopped_job),
    39: Row(
        "report on a study that is not whole", "tuner/report/test_page.py", pages.partial_studies
    ),
    40: Row("journal of an earlier version", "tuner/test_formats.py", pages.formats),
}
