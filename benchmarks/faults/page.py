"""docs/reliability.md, from what was measured."""

from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.faults.table import ROWS, Row

RESULTS = Path(__file__).parents[1] / "results"
FAULTS, BAD_INPUT = RESULTS / "faults.json", RESULTS / "bad_input.json"
LOAD = RESULTS / "load.json"
FEW = 10
PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"

FAULTS_HEAD = """# Reliability

## Faults

What goes wrong, the tests (under `tests/`) that make it go wrong, and what it costs: measured by
`python -m benchmarks.faults` on two cores without a GPU, shown by `python -m benchmarks.faults
--page`. The cores had other work, too, in most rows, so seconds are rather too many.

| row | fault | tested by | figure |
|--:|---|---|---|
"""

FAULTS_NOTES = """
Ray learns of a worker's end from a closed socket, so the reason of a trial whose worker died names
no signal and no exit code.
"""

BAD_INPUT_TEXT = """
## Bad input

`python -m benchmarks.bad_input` types every case of `tests/inputs` and judges the answer:

| | |
|---|--:|
| rows of the list of bad input that are tested | {rows_with_a_case} of {rows} |
| cases typed that are answered as they should be: exit code, nothing written, no traceback | \
{passed} of {typed} |
| answers that name the value | {name_the_value} of {typed} |
| answers that name a way out | {name_a_way_out} of {typed} |
| tests of what is not typed (data, past studies, reports of a trial) that pass | \
{tests_passed} of {tests_of_what_is_not_typed} |

Configurations, command lines, journals and tables of past trials are fuzzed besides
(`tests/inputs/test_fuzz.py`): only the project's own errors escape.
"""


LOAD_TEXT = """
## Load

`python -m benchmarks.load`, with the numbers below as its `--trials`, `--studies` and
`--processes`, on {cores} cores that had other work, too.

A study of {trials} trivial trials, the driver with all that it started:

| | after {first[trials]:.0f} trials | after {last[trials]:.0f} |
|---|--:|--:|
| memory | {first[megabytes]:.0f} MB | {last[megabytes]:.0f} MB |
| /dev/shm in use | {first[shared_megabytes]:.1f} MB | {last[shared_megabytes]:.1f} MB |
| open files | {first[files]:.0f} | {last[files]:.0f} |
| processes | {first[processes]:.0f} | {last[processes]:.0f} |
| seconds a trial | {first[seconds_per_trial]:.3f} | {last[seconds_per_trial]:.3f} |

![These over the trials](../benchmarks/results/load.svg)

Memory grows by {growth:.0f} KB a trial. What Ray Tune keeps of each goes after 1,000, when one run
of it ends and the next begins; a proposal looks at all that was tried, which takes longer. The page
of the study is written in {page_seconds:.1f} s and has {page_megabytes:.1f} MB; the store gives the
first hundred runs to MLflow's pages in {list_seconds:.1f} s.

{studies} studies into one store, one after the other on one Ray: the first ten took
{begin[seconds]:.0f} s each and {begin[megabytes]:.0f} MB at the most, the last ten
{end[seconds]:.0f} s and {end[megabytes]:.0f} MB; under the load of then, one into a new store took
{fresh[seconds]:.0f} s. The first hundred runs are then listed in {full_list_seconds:.1f} s.

{beside[processes]} `tuner run` at the same time on one Ray and one new store: {beside[failed]}
failed, and it held {beside[trials]} of their {beside[expected_trials]} trials after
{beside[seconds]:.0f} s.
"""


def page(faults: dict[str, Any], bad_input: dict[str, Any], load: dict[str, Any] | None) -> str:
    """The whole page, of the results under their names; ``load`` is None if not yet measured."""
    lines = [_line(number, row, faults.get(str(number))) for number, row in ROWS.items()]
    table = "\n".join(lines) + "\n"
    rest = FAULTS_NOTES + BAD_INPUT_TEXT.format(**bad_input)
    return FAULTS_HEAD + table + rest + (_load(load) if load else "")


def _load(load: dict[str, Any]) -> str:
    long, tenths = load["long"], load["long"]["tenths"]
    studies, fresh = load["full"]["studies"], load["full"]["fresh_studies"]
    first, last = tenths[1], tenths[-1]
    growth = (last["megabytes"] - first["megabytes"]) / (last["trials"] - first["trials"]) * 1000
    return LOAD_TEXT.format(
        cores=long["cores"],
        page_seconds=long["page_seconds"],
        page_megabytes=long["page_megabytes"],
        list_seconds=long["list_seconds"],
        full_list_seconds=load["full"]["list_seconds"],
        trials=long["trials"],
        first=first,
        last=last,
        growth=growth,
        studies=len(studies),
        begin=_middle(studies[:FEW]),
        end=_middle(studies[-FEW:]),
        fresh=_middle(fresh),
        beside=load["beside"],
    )


def _middle(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: median(row[name] for row in rows) for name in rows[0]}


def _line(number: int, row: Row, kept: dict[str, Any] | None) -> str:
    tests = f"`{row.tests}`" if row.tests else "measured only"
    return f"| {number} | {row.fault} | {tests} | {_figures(row, kept)} |"


def _figures(row: Row, kept: dict[str, Any] | None) -> str:
    if row.measure is None:
        return "none asked for"
    if kept is None:
        return "not measured yet"
    return "; ".join(f"{name}: {_words(value)}" for name, value in kept["figures"].items())


def _words(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
