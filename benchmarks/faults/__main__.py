"""Measures what faults cost, and writes the page of it.

python -m benchmarks.faults [ROW…]    measures the rows (all of them: an hour; KILLS=10 for fewer)
python -m benchmarks.faults --page    writes docs/reliability.md from what was measured
"""

import json
import os
import sys
import time
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.faults.page import BAD_INPUT, FAULTS, LOAD, PAGE, page
from benchmarks.faults.table import ROWS


def measure(numbers: list[int]) -> None:
    kept = json.loads(FAULTS.read_text()) if FAULTS.exists() else {}
    for number in numbers:
        row = ROWS[number]
        if row.measure is None:
            continue
        began = time.monotonic()
        with TemporaryDirectory(prefix="faults-") as folder:
            os.environ["TUNER_HOME"] = str(Path(folder) / "home")
            figures = row.measure(Path(folder))
        kept[str(number)] = {"date": date.today().isoformat(), "figures": figures}
        print(f"{number} ({time.monotonic() - began:.0f} s): {figures}", flush=True)
        rows = {str(row): kept[str(row)] for row in ROWS if str(row) in kept}
        FAULTS.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["--page"]:
        load = json.loads(LOAD.read_text()) if LOAD.exists() else None
        faults, bad_input = (json.loads(path.read_text()) for path in (FAULTS, BAD_INPUT))
        PAGE.write_text(page(faults, bad_input, load))
    else:
        measure([int(number) for number in sys.argv[1:]] or list(ROWS))
