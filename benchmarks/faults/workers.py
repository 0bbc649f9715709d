"""What befalls a trial in its worker, without Ray."""

import random
from pathlib import Path

from benchmarks.faults.journal import Figures
from meta.study import TrialState
from tests.faults.test_worker import CALLS, XY, save_on_full_disk, setting, train
from tests.tuner.test_admission import MEMORY, OTHERS
from trainables.toy import CHECKPOINT
from tuner.admission import out_of_memory
from tuner.context import TrialContext

CUTS = 200


def gpu_memory(folder: Path) -> Figures:
    """Errors of CUDA raised by hand, of the host's memory, and others."""
    told = [(out_of_memory(error) or ("", ""))[1] for error, _ in MEMORY]
    right = sum(text.startswith(begins) for text, (_, begins) in zip(told, MEMORY, strict=True))
    right += sum(out_of_memory(error) is None for error in OTHERS)
    return {"errors (raised by hand: no GPU here)": len(MEMORY) + len(OTHERS), "told apart": right}


def full_disks_at_checkpoints(folder: Path) -> Figures:
    corrupt = 0
    for call in CALLS:
        for n in (1, 2, 3):
            kept = save_on_full_disk(folder / f"{call}-{n}", call, n)
            corrupt += kept is not None and (kept / "a").read_text() not in ("1", "2")
    return {"full disks": 3 * len(CALLS), "corrupt checkpoints": corrupt}


def damaged_checkpoints(folder: Path) -> Figures:
    """Checkpoints that were cut short or overwritten by chance; each trial has four steps to do."""
    generator = random.Random(0)
    crashes = 0
    for n in range(CUTS):
        place = folder / str(n)
        saved = TrialContext(setting(place), 0, 0, None, lambda _: None)
        saved.save(_write)
        (place / "0" / CHECKPOINT).write_bytes(generator.randbytes(generator.randrange(9)))
        ended = train(place, XY)[-1]["ended"]
        crashes += ended[0] != TrialState.COMPLETED
    return {"checkpoints damaged": CUTS, "trials that did not complete": crashes}


def _write(folder: Path) -> None:
    (folder / CHECKPOINT).write_text("2")
