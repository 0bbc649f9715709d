import json

import pytest

from tuner.terminal import MAX_CELL_CHARACTERS, columns, complain, printable, say, say_json


def test_results_and_faults_go_separate_ways(capsys: pytest.CaptureFixture[str]) -> None:
    say("result")
    complain(["first", "second\n  with a caret"])
    out, err = capsys.readouterr()
    assert out == "result\n"
    assert err == "tuner: error: first\ntuner: error: second\n  with a caret\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\x00b\r", r"a\x00b\r"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("é\nü", "é\nü"),
        ("\ud800", r"\ud800"),
        ("http://user:secret@host/x", "http://user:***@host/x"),
        (
            '{"uri": "http://host:5000",\n "by": "a@b"}',
            '{"uri": "http://host:5000",\n "by": "a@b"}',
        ),
    ],
)
def test_nothing_that_is_printed_steers_the_terminal_or_tells_a_password(
    text: str, shown: str
) -> None:
    assert printable(text) == shown


def test_json_is_one_object_without_passwords(capsys: pytest.CaptureFixture[str]) -> None:
    say_json({"uri": "https://me:secret@x", "name": "é\x1b"})
    assert json.loads(capsys.readouterr().out) == {"uri": "https://me:***@x", "name": "é\x1b"}


def test_a_table_is_aligned_and_a_hostile_cell_is_cut() -> None:
    rows = [("id", "name"), (1, "x" * 1000), (None, "<script>\n\x1b"), (2, 0.1234567)]
    heading, long, last, number = columns(rows).splitlines()
    assert heading == "id  name"
    assert long == f"1   {'x' * MAX_CELL_CHARACTERS}"
    assert number == "2   0.123457"
    assert last == r"    <script> \x1b"
