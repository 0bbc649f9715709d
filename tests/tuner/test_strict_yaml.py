import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.errors import UsageError
from tuner.strict_yaml import MAX_BYTES, read_file, read_text, read_value, scalar


def faults(text: str) -> tuple[str, ...]:
    with pytest.raises(UsageError) as caught:
        read_text(text, "x.yaml")
    return caught.value.faults


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("FALSE", False),
        ("0", 0),
        ("-12", -12),
        ("+7", 7),
        ("1e-3", 0.001),
        ("1.", 1.0),
        (".5", 0.5),
        ("-1.5E+2", -150.0),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("1" * 20, float("1" * 20)),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("nULL", "nULL"),
        ("2026-01-01", "2026-01-01"),
        ("1e", "1e"),
        ("inf", "inf"),
    ],
)
def test_a_plain_scalar_means_what_yaml_1_2_says(text: str, value: object) -> None:
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


def test_not_a_number_is_read_as_such() -> None:
    assert math.isnan(float(str(scalar(".nan"))))


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("no", 'Write false or "no"'),
        ("Yes", 'Write true or "Yes"'),
        ("off", 'Write false or "off"'),
        ("ON", 'Write true or "ON"'),
        ("010", 'Write 10 or "010"'),
        ("-007", 'Write 7 or "-007"'),
    ],
)
def test_what_yaml_versions_read_differently_must_be_written_plainly(
    text: str, remedy: str
) -> None:
    with pytest.raises(ValueError, match=remedy):
        scalar(text)


def test_quoted_scalars_and_blocks_are_texts() -> None:
    tree = read_text("a: 'no'\nb: \"1\"\nc: |\n  on\nd: ''\n", "x.yaml")
    assert tree.plain() == {"a": "no", "b": "1", "c": "on\n", "d": ""}


def test_every_value_knows_its_place() -> None:
    tree = read_text("a: 1\nb:\n  c: 2\n  d:\n    - 3\n    - 4\n", "x.yaml")
    places = {key: getattr(tree.find(key), "place", None) for key in ("a", "b", "b.c", "b.d")}
    assert places == {
        "a": "x.yaml:1: ",
        "b": "x.yaml:2: ",
        "b.c": "x.yaml:3: ",
        "b.d": "x.yaml:4: ",
    }
    items = tree.find("b.d")
    assert items is not None
    assert isinstance(items.value, list)
    assert [item.place for item in items.value] == ["x.yaml:5: ", "x.yaml:6: "]


def test_what_is_null_counts_as_not_given() -> None:
    tree = read_text("a:\nb: {c: ~}\n", "x.yaml")
    assert tree.find("a") is None
    assert tree.find("b.c") is None
    assert tree.find("b.c.d") is None
    assert tree.find("a.b") is None


def test_an_empty_document_is_nothing() -> None:
    assert read_text("# only a comment\n", "x.yaml").value is None


def test_a_key_given_twice_names_both_lines() -> None:
    text = "space:\n  x: 1\n  lr: 1\n  lr: 2\nspace: 3\n"
    assert faults(text) == (
        "x.yaml:4: space.lr: given twice (first at line 3). Delete one.",
        "x.yaml:5: space: given twice (first at line 1). Delete one.",
    )


def test_all_ambiguous_words_are_told_at_once() -> None:
    assert len(faults("a: no\nb: [on, 010]\nc: true\n")) == 3


@pytest.mark.parametrize(
    "text",
    [
        "a: &anchor 1",
        "a: 1\nb: *a",
        "a: !!python/object/apply:os.system ['true']",
        "!!map {a: 1}",
        "a: ! 1",
        "a: !!str 1",
        "&a [*a]",
    ],
)
def test_anchors_aliases_and_tags_are_refused(text: str) -> None:
    assert "anchors, aliases and tags are not allowed here" in faults(text)[0]


def test_nothing_is_built_from_a_bomb_of_aliases() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    assert faults("\n".join(lines))[0].startswith("x.yaml:1:5: anchors")


def test_deep_nesting_ends_before_the_stack_does() -> None:
    assert "nested deeper than" in faults("[" * 30_000)[0]
    assert "nested deeper than" in faults("\n".join("  " * n + "a:" for n in range(100)))[0]


def test_a_syntax_error_shows_the_line_with_a_caret() -> None:
    assert faults("a: 1\nbudget: trials: 5\n") == (
        "x.yaml:2:15: mapping values are not allowed here. Mend it:\n"
        "    budget: trials: 5\n"
        "                  ^",
    )


@pytest.mark.parametrize(
    "text",
    ["a: {", "a: [1, 2", "\ta: 1", "a: 'x", "--- 1\n--- 2", "%YAML 3.0\n---\na: 1", 'a: "\\q"'],
)
def test_a_syntax_error_has_line_and_column(text: str) -> None:
    assert faults(text)[0].startswith("x.yaml:1:") or faults(text)[0].startswith("x.yaml:2:")


def test_a_key_that_is_no_word_is_refused() -> None:
    assert faults("? [a, b]\n: 1\n") == (
        "x.yaml:1: top level: a key must be a word. Write key: value.",
    )


def test_characters_that_are_no_text_are_refused() -> None:
    assert "not a text config (character U+0007 at offset 3)" in faults("a: \x07")[0]
    assert "no such character" in faults('a: "\\UFFFFFFFF"')[0]


def test_a_file_is_read_with_its_path_as_place(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: \xc3\xa9\n")
    tree = read_file(path)
    assert tree.plain() == {"a": "é"}
    assert tree.place == f"{path}:1: "


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"a: \xff", r"not a text config \(byte 0xff at offset 3\)\. Save it as UTF-8"),
        (b"\x7fELF\x00\x00", r"not a text config"),
        (b"a: 1\n" * MAX_BYTES, r"larger than 65536 bytes"),
    ],
)
def test_a_file_that_is_no_text_of_bounded_size_is_refused(
    tmp_path: Path, data: bytes, problem: str
) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=problem):
        read_file(path)


def test_a_path_without_a_readable_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a file"):
        read_file(tmp_path)
    with pytest.raises(UsageError, match="no such file"):
        read_file(tmp_path / "missing.yaml")
    with pytest.raises(UsageError, match="not a file"):
        read_file(Path("/dev/zero"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        (" 1e-3 ", 0.001),
        ("[3, 8]", [3, 8]),
        ("{float: [1, 2], log: true}", {"float": [1, 2], "log": True}),
        ("'5'", "5"),
        ("sqlite:///a b #c.db", "sqlite:///a b #c.db"),
        ("a: b", "a: b"),
        ("*", "*"),
        ("", None),
    ],
)
def test_a_value_on_the_command_line_is_a_scalar_or_in_brackets(text: str, value: object) -> None:
    assert read_value(text, "--set ", "a.b").plain() == value


def test_a_fault_of_a_value_names_option_and_key() -> None:
    for text, start in [
        ("no", "--set a.b: false to some readers"),
        ("[no]", "--set a.b: false to some readers"),
        ("[1", "--set a.b:1:"),
        ("{c: no}", "--set a.b.c: false to some"),
    ]:
        with pytest.raises(UsageError) as caught:
            read_value(text, "--set ", "a.b")
        assert caught.value.faults[0].startswith(start)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(alphabet=st.sampled_from("ab:-?[]{},&*!|>'\"%@`# \n\t0123.\\ueé\x00"), max_size=60))
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    told: tuple[str, ...] = ()
    try:
        read_text(text, "x.yaml").plain()
    except UsageError as error:
        told = error.faults
    assert all(fault.startswith("x.yaml") for fault in told)
