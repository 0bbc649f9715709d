"""Whatever a file, a command line or a journal holds, only the project's own errors escape."""

import contextlib
import csv
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pyarrow.parquet as parquet
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.inputs.cases import GOOD
from tests.tuner.importers.tasks import CONFIG
from tests.tuner.test_journal import HEADER, STUDY, trial_events
from tuner.arguments import ARGUMENTS, COMMANDS
from tuner.config_reader import Override, load
from tuner.errors import TunerError, UsageError
from tuner.importers.history import Request, import_studies
from tuner.journal import Journal
from tuner.journal_file import FILE_NAME
from tuner.parser import parse

WORDS = [*ARGUMENTS, *" ".join(COMMANDS).split(), "toy-curve", "5", "budget.trials=3", "--", "-"]
COLUMNS = ["lr", "learning_rate", "max_depth", "kind", "rmse", "state", "study", "seconds", "value"]
KEYS = ["version", "task", "metric", "space", "budget", "resources", "seed", "float", "int", "log"]

TIMES = int(os.environ.get("FUZZ_TIMES", "1"))


def examples(count: int) -> settings:
    return settings(max_examples=count * TIMES, deadline=None)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)


def journal_bytes() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal.create(Path(folder), STUDY, HEADER)
        journal.append(*trial_events(0), *trial_events(1))
        journal.close()
        return Path(folder, FILE_NAME).read_bytes()


JOURNAL = journal_bytes()


def read(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.yaml")
        path.write_bytes(content)
        with contextlib.suppress(UsageError):
            load(str(path))


@given(st.binary(max_size=200))
@examples(100)
def test_any_bytes_as_a_configuration(content: bytes) -> None:
    read(content)


@given(st.integers(0, len(GOOD)), st.integers(0, 10), st.text(max_size=10))
@examples(150)
def test_a_right_configuration_with_some_of_it_replaced(place: int, cut: int, text: str) -> None:
    read((GOOD[:place] + text + GOOD[place + cut :]).encode("utf-8", "surrogatepass"))


@given(st.dictionaries(st.sampled_from(KEYS), trees, max_size=6))
@examples(100)
def test_any_tree_as_a_configuration(tree: dict[str, object]) -> None:
    read(repr(tree).encode("utf-8", "surrogatepass"))


@given(st.sampled_from(["budget.trials", "space.lr", "metric.low", "seed", "a.b.c"]), st.text())
@examples(100)
def test_any_text_as_a_value(key: str, text: str) -> None:
    with contextlib.suppress(UsageError):
        load("toy-curve", [Override.parse(f"{key}={text}")])


@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=6), max_size=6))
@examples(150)
def test_any_words_as_a_command_line(words: list[str]) -> None:
    with contextlib.suppress(UsageError, SystemExit), contextlib.redirect_stdout(None):
        parse(words)


@given(st.integers(0, len(JOURNAL) - 1), st.binary(min_size=1, max_size=16))
@examples(100)
def test_any_bytes_in_a_journal(place: int, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, FILE_NAME)
        path.write_bytes(JOURNAL[:place] + content + JOURNAL[place + len(content) :])
        with contextlib.suppress(TunerError):
            Journal.open(Path(folder)).close()


cells = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["nan", "1e999", "-1.797e308", "0,1", "running", "done", "1 days 00:00:01", "a"]
    ),
)


@st.composite
def tables(draw: st.DrawFn, values: st.SearchStrategy[object]) -> dict[str, list[object]]:
    """Columns of one length, some of them named as those of a past are."""
    names = st.sampled_from(COLUMNS) | st.text(max_size=5)
    length = draw(st.integers(0, 5))
    column = st.lists(values, min_size=length, max_size=length)
    return draw(st.dictionaries(names, column, min_size=1, max_size=6))


def imported(name: str, write: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(UsageError):
        path = Path(folder, name)
        write(path)
        request = Request(str(path), "task.yaml", dry_run=True)
        outcome = import_studies(request, CONFIG, ("sqlite:///none.db", "none"))
        assert outcome.text()
        json.dumps(outcome.to_json())


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda tail: b"PAR1" + tail))
@examples(60)
def test_any_bytes_as_a_past(content: bytes) -> None:
    imported("runs.csv", lambda path: path.write_bytes(content) and None)


@given(tables(cells))
@examples(100)
def test_any_table_as_a_past(table: dict[str, list[object]]) -> None:
    def write(path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8", errors="surrogatepass") as file:
            rows = csv.writer(file)
            rows.writerow(table)
            rows.writerows(zip(*table.values(), strict=True))

    imported("runs.csv", write)


@given(
    tables(st.none() | st.floats())
    | tables(st.none() | st.text(max_size=5))
    | tables(st.integers(-(2**63), 2**63 - 1))
    | tables(st.lists(st.integers(0, 9), max_size=2))
)
@examples(60)
def test_any_parquet_table_as_a_past(table: dict[str, list[object]]) -> None:
    imported("runs.parquet", lambda path: parquet.write_table(pyarrow.table(table), path))
