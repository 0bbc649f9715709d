"""Every row of the list of bad input is tested somewhere."""

import ast

from tests.inputs import cases, test_bad_surroundings
from tests.inputs.rows import ELSEWHERE, ROWS
from tests.sources import ROOT


def test_every_row_of_the_list_has_a_case() -> None:
    typed = {case.row for case in (*cases.CASES, *test_bad_surroundings.CASES)}
    assert {*ROWS} - typed - {*ELSEWHERE} == set()


def test_the_tests_that_are_named_are_there() -> None:
    for names in ELSEWHERE.values():
        for name in names:
            file, _, test = name.partition("::")
            tree = ast.parse((ROOT / file).read_text())
            assert test in {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}, name
