"""Pages of what is not whole, and journals of before, without Ray."""

import shutil
from contextlib import suppress
from pathlib import Path

from benchmarks.faults.journal import Figures
from tests.faults.test_repair import damaged_copy
from tests.sources import ROOT
from tests.tuner.report.pages import HEADER, Page
from tests.tuner.test_journal import write_study
from tests.tuner.test_journal_faults import flip_a_bit
from tests.tuner.tracking.journals import ending, eventful, study
from tuner.errors import JournalDamaged, RunDirectoryError
from tuner.journal import Journal
from tuner.journal_file import FILE_NAME
from tuner.repair import repair
from tuner.report import write_report

FORMATS = ROOT / "tests" / "formats"
DAMAGES = 40


def _renders(directory: Path) -> bool:
    """Whether its page is written, and an HTML whose elements are nested."""
    write_report([directory], directory / "report.html")
    return bool(Page((directory / "report.html").read_text()).text)


def partial_studies(folder: Path) -> Figures:
    """A study that was cut off after each of its events, and journals that were repaired."""
    events = [*eventful(), *ending()]
    for n in range(len(events) + 1):
        directory = folder / f"cut-{n}"
        directory.mkdir()
        journal = Journal.create(directory, study(), HEADER)
        journal.append(*events[:n])
        journal.close()
    write_study(folder / "pristine", 6).close()
    for seed in range(DAMAGES):
        _repaired(folder / "pristine", folder / f"repaired-{seed}", seed)
    made = [*folder.glob("cut-*"), *folder.glob("repaired-*")]
    return {"studies": len(made), "pages rendered": sum(map(_renders, made))}


def _repaired(pristine: Path, target: Path, seed: int) -> None:
    """Leaves no folder where the damage was beyond repair."""
    damaged_copy(pristine, target, FILE_NAME, flip_a_bit, seed)
    try:
        with suppress(JournalDamaged):
            Journal.open(target).close()
            return
        repair(target)
    except RunDirectoryError:
        shutil.rmtree(target)


def formats(folder: Path) -> Figures:
    """The journals that earlier versions wrote are opened and drawn."""
    kept = sorted(path for path in FORMATS.iterdir() if path.is_dir())
    readable = 0
    for path in kept:
        copy = folder / path.name
        shutil.copytree(path, copy)
        journal = Journal.open(copy)
        journal.close()
        readable += bool(journal.trials) and _renders(copy)
    return {"earlier versions": len(kept), "readable": readable}
