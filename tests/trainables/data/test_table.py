import gzip
from pathlib import Path

import numpy as np
import pytest

from trainables.base import DataError
from trainables.data import table
from trainables.data.table import ArffFile, Layout, TextFile, read

LAYOUT = Layout(("size", "shape", "label"), "label", {"size": 0, "shape": 2}, ("no", "yes"))
NUMBERS = Layout(("size", "price"), "price", {"size": 0}, delimiter=";")


def write(tmp_path: Path, text: str, name: str = "rows.data", skip: int = 0) -> TextFile:
    path = tmp_path / name
    path.write_text(text)
    return TextFile(path, skip)


def faults(file: TextFile, layout: Layout = LAYOUT) -> list[str]:
    with pytest.raises(DataError) as caught:
        read([file], layout)
    return str(caught.value).splitlines()


def test_missing_values_become_nan_and_categories_codes_in_the_order_of_their_names(
    tmp_path: Path,
) -> None:
    found = read([write(tmp_path, "1.5, round, yes\n?, flat, no\n-2, ?, no\n\n")], LAYOUT)
    np.testing.assert_array_equal(found.x, np.float32([[1.5, 1], [np.nan, 0], [-2, np.nan]]))
    np.testing.assert_array_equal(found.y, [1, 0, 0])
    assert found.categories == {"shape": ["flat", "round"]}
    assert found.x.dtype == found.y.dtype == np.float32


def test_files_are_read_as_one_with_their_own_skipped_lines_and_extra_fields(
    tmp_path: Path,
) -> None:
    first = write(tmp_path, "1, yes\n", "first")
    second = write(tmp_path, "|no record\n2, no.\n", "second", skip=1)
    layout = Layout(("size", "label", "shape"), "label", {"size": 0, "shape": 2}, ("no", "yes"))
    files = [TextFile(first.path, 0, ("round",)), TextFile(second.path, 1, ("flat",))]
    found = read(files, layout)
    np.testing.assert_array_equal(found.x, [[1, 1], [2, 0]])
    np.testing.assert_array_equal(found.y, [1, 0])


def test_quoted_headers_and_another_delimiter_are_read(tmp_path: Path) -> None:
    found = read([write(tmp_path, '"size";"price"\n1;2\n3;4\n', skip=1)], NUMBERS)
    np.testing.assert_array_equal(found.x, [[1], [3]])
    np.testing.assert_array_equal(found.y, [2, 4])


def test_the_rows_of_an_arff_file_follow_its_declarations(tmp_path: Path) -> None:
    path = tmp_path / "x.arff.gz"
    head = "% 1, 2\n@relation x\n@attribute size real\n@DATA\n"
    path.write_bytes(gzip.compress(f"{head}1,'yes',\"a, b\"\n\n% no row\n?,no,c\n".encode()))
    layout = Layout(("size", "label", "text"), "label", {"size": 0}, ("no", "yes"))
    found = read([ArffFile(path)], layout)
    np.testing.assert_array_equal(found.x, [[1], [np.nan]])
    np.testing.assert_array_equal(found.y, [1, 0])
    path.write_bytes(gzip.compress(f"{head}1,yes,a\n2,yes\n".encode()))
    with pytest.raises(DataError, match=r"x\.arff\.gz:6: 2 fields, 3 expected"):
        read([ArffFile(path)], layout)


def test_every_fault_is_a_line_with_file_and_line_number(tmp_path: Path) -> None:
    text = "1, round\n2, flat, yes\nx, flat, no\n4, flat, \n5, flat, maybe\ninf, flat, no\n"
    assert faults(write(tmp_path, text)) == [
        "rows.data:1: 2 fields, 3 expected",
        "rows.data:4: label: missing",
        "rows.data:5: label: no or yes expected, got 'maybe'",
        "rows.data:3: size: number expected, got 'x'",
        "rows.data:6: size: number expected, got 'inf'",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "rows.data: no rows"),
        ("1, flat, no\n2, round, no\n", "rows.data: one class only"),
        ("?, flat, no\n?, round, yes\n", "rows.data: column size: no value in any row"),
        ("1, ?, no\n1, ?, yes\n", "rows.data: column shape: no value in any row"),
        (f"1, {'a' * 200_000}, no\n", "rows.data: field larger than field limit (131072)"),
        ("1" + ", 1" * 99_999 + "\n", "rows.data:1: 100000 fields, 3 expected"),
    ],
)
def test_a_table_from_which_nothing_can_be_learned_is_refused(
    tmp_path: Path, text: str, fault: str
) -> None:
    assert faults(write(tmp_path, text)) == [fault]


def test_a_constant_target_is_refused(tmp_path: Path) -> None:
    assert faults(write(tmp_path, "1;2\n3;2\n"), NUMBERS) == [
        "rows.data: the same target in every row"
    ]


def test_a_missing_target_is_refused(tmp_path: Path) -> None:
    assert faults(write(tmp_path, "1;2\n3;\n"), NUMBERS) == ["rows.data:2: price: missing"]


def test_of_many_faults_the_first_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    shown = faults(write(tmp_path, "1\n" * 100))
    assert len(shown) == table.FAULTS_SHOWN + 1
    assert shown[-1] == "… and 80 more"
