"""How bad input is answered: refused as it should be, with the value and with a way out.

    python -m benchmarks.bad_input

Every case of `tests/inputs` is typed, and judged by the exit code, by whether the answer names the
value, and by whether it names what to do. What is not typed (data, past studies, what a trial
reports) is judged by its tests. Results under results/bad_input.json, shown in docs/reliability.md.
"""

import io
import json
import os
import shlex
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from tests.inputs import test_bad_surroundings
from tests.inputs.cases import CASES, Case
from tests.inputs.rows import ELSEWHERE, ROWS
from tests.inputs.test_bad_input import make
from tests.sources import ROOT
from tuner.cli import main

RESULTS = Path(__file__).parent / "results" / "bad_input.json"


@dataclass(frozen=True)
class Answer:
    """What is right about the answer to a case; ``passed`` is all of it, and that nothing stays."""

    row: int
    passed: bool
    names_value: bool
    names_remedy: bool


def answer(case: Case | test_bad_surroundings.Case) -> Answer:
    said, results = io.StringIO(), io.StringIO()
    with TemporaryDirectory() as name:
        folder = Path(name, "work")
        folder.mkdir()
        make(case.files, folder)
        before = sorted(folder.rglob("*"))
        os.environ["TUNER_HOME"] = str(Path(name, "home"))
        with chdir(folder), redirect_stdout(results), redirect_stderr(said):
            code = main(shlex.split(case.argv))
        untouched = sorted(folder.rglob("*")) == before
    told = said.getvalue()
    value, remedy = case.value in told, case.remedy in told
    refused = code == case.code and not results.getvalue() and "Traceback" not in told
    return Answer(case.row, refused and value and remedy and untouched, value, remedy)


def tests_elsewhere() -> tuple[int, int]:
    """How many tests of the rows that are not typed there are, and how many pass."""
    names = dict.fromkeys(name for names in ELSEWHERE.values() for name in names)
    with TemporaryDirectory() as folder:
        told = Path(folder, "tests.xml")
        command = [sys.executable, "-m", "pytest", "-q", "--junit-xml", str(told), *names]
        subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        (suite,) = ElementTree.parse(told).getroot()
    tests = int(suite.attrib["tests"])
    wrong = sum(int(suite.attrib[name]) for name in ("errors", "failures", "skipped"))
    return tests, tests - wrong


if __name__ == "__main__":
    os.environ["TUNER_UCI_URL"] = "http://127.0.0.1:1"
    answers = [answer(case) for case in (*CASES, *test_bad_surroundings.CASES)]
    tests, passing = tests_elsewhere()
    result = {
        "date": date.today().isoformat(),
        "rows": len(ROWS),
        "rows_with_a_case": len({one.row for one in answers if one.row} | {*ELSEWHERE}),
        "typed": len(answers),
        "passed": sum(one.passed for one in answers),
        "name_the_value": sum(one.names_value for one in answers),
        "name_a_way_out": sum(one.names_remedy for one in answers),
        "tests_of_what_is_not_typed": tests,
        "tests_passed": passing,
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
