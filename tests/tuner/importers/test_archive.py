"""What is exported is read back exactly; what is no archive, or a damaged one, is told."""

import json
import math
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet as parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meta.space import Categorical, Float, Int, SearchSpace
from meta.study import Measurement, Metric, Study, Task, Trial, TrialState
from tuner.errors import EnvironmentFault, UsageError
from tuner.importers import archive
from tuner.importers.archive import read_archive, write_archive

SPACE = SearchSpace(
    {
        "rate": Float(1e-4, 0.1, log=True, default=0.01),
        "depth": Int(1, 9),
        "kind": Categorical(("a", True, 2, 0.5), default=True),
    }
)
STUDY = Study("s1", Task("wine", "trees"), SPACE, Metric("rmse", "min", 0.0), 3, "warm")
TRIAL = Trial(
    0,
    {"rate": 0.1, "depth": 3, "kind": True},
    TrialState.COMPLETED,
    (Measurement(1, 0.1, 0.2, {"mae": 1 / 3}, {"depth": 2}),),
)

numbers = st.floats(allow_nan=False, allow_infinity=False)
values = st.one_of(numbers, st.integers(-(10**20), 10**20), st.text(), st.booleans())
texts = st.text(st.characters(exclude_categories=()))
configs = st.dictionaries(texts, values, max_size=3)
measurements = st.builds(
    Measurement,
    step=st.integers(-5, 10**20),
    value=numbers,
    seconds=numbers,
    metrics=st.dictionaries(texts, numbers, max_size=2),
    config=configs,
)
trials = st.builds(
    Trial,
    id=st.integers(0, 10**20),
    config=configs,
    state=st.sampled_from(TrialState),
    measurements=st.lists(measurements, max_size=3).map(tuple),
    reason=texts,
    origin=texts,
    seed=st.integers(0, 2**64),
    seconds=numbers,
)
studies = st.builds(
    Study,
    id=st.from_regex(archive.STUDY_ID, fullmatch=True),
    task=st.builds(Task, texts, texts),
    space=st.just(SPACE),
    metric=st.builds(Metric, texts, st.sampled_from(["min", "max"]), low=numbers),
    seed=st.integers(0, 2**64),
    arm=texts,
    trials=st.lists(trials, max_size=4, unique_by=lambda trial: trial.id).map(tuple),
    features=st.dictionaries(texts, numbers, max_size=2),
    fingerprint=texts,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "past.parquet"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(past=st.lists(studies, max_size=3, unique_by=lambda study: study.id))
def test_what_is_written_is_read_back_exactly(
    past: list[Study], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("archive") / "x.parquet"
    write_archive(path, past)
    assert read_archive(path) == past
    assert [path] == list(path.parent.iterdir())


def test_the_kinds_of_values_in_a_configuration_stay_what_they_are(path: Path) -> None:
    config: dict[str, Any] = {"a": 1, "b": 1.0, "c": True, "d": "1"}
    write_archive(path, [STUDY.with_trials((replace(TRIAL, config=config),))])
    (study,) = read_archive(path)
    assert [type(value) for value in study.trials[0].config.values()] == [int, float, bool, str]


def test_a_value_that_is_not_finite_is_read_back(path: Path) -> None:
    trial = replace(
        TRIAL, measurements=(Measurement(1, math.inf, 0.0), Measurement(2, math.nan, 0.0))
    )
    write_archive(path, [STUDY.with_trials((trial,))])
    first, second = read_archive(path)[0].trials[0].measurements
    assert first.value == math.inf
    assert math.isnan(second.value)


def test_a_reader_of_tables_finds_a_row_for_each_trial(path: Path) -> None:
    write_archive(path, [STUDY.with_trials((TRIAL, replace(TRIAL, id=1, measurements=())))])
    first, second = parquet.read_table(path).to_pylist()
    assert (first["task"], first["metric"], first["mode"]) == ("wine-trees", "rmse", "min")
    assert (first["trial"], first["state"], first["value"], first["step"]) == (
        0,
        "COMPLETED",
        0.1,
        1,
    )
    assert json.loads(first["config"]) == TRIAL.config
    assert (second["trial"], second["value"]) == (1, None)


def test_rows_that_somebody_left_out_are_no_damage(path: Path) -> None:
    write_archive(path, [STUDY.with_trials((TRIAL, replace(TRIAL, id=1)))])
    parquet.write_table(parquet.read_table(path).slice(1), path)
    assert read_archive(path) == [STUDY.with_trials((replace(TRIAL, id=1),))]


def test_an_old_archive_is_replaced_and_nothing_else_is_left(path: Path) -> None:
    write_archive(path, [STUDY])
    write_archive(path, [STUDY.with_trials((TRIAL,))])
    assert read_archive(path) == [STUDY.with_trials((TRIAL,))]
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match=r"no/x.parquet: cannot be written .*Name a file"):
        write_archive(tmp_path / "no" / "x.parquet", [STUDY])


def damaged(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        read_archive(path)
    return str(caught.value).replace(str(path), "x")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_archive_is_told(path: Path, share: float) -> None:
    write_archive(path, [STUDY.with_trials((TRIAL,))])
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    assert "x: cannot be read as Parquet" in damaged(path)


def test_a_file_that_is_not_there_is_told(path: Path) -> None:
    assert "x: cannot be read as Parquet" in damaged(path)


def test_a_changed_byte_is_told_or_changes_nothing_that_is_read(path: Path) -> None:
    study = STUDY.with_trials((TRIAL,))
    write_archive(path, [study])
    data, told = path.read_bytes(), 0
    for place in range(4, len(data), 37):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        with suppress(UsageError):
            assert read_archive(path) == [study]
            continue
        told += 1
    assert told


def test_a_table_of_somebody_else_is_no_archive(path: Path) -> None:
    parquet.write_table(pyarrow.table({"rate": [0.1]}), path)
    assert "no archive of studies (no column study_record)" in damaged(path)


def rewrite(path: Path, **change: Any) -> None:
    write_archive(path, [STUDY.with_trials((TRIAL,))])
    (row,) = parquet.read_table(path).to_pylist()
    parquet.write_table(pyarrow.Table.from_pylist([row | change]), path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "archive format 2, this reads 1"),
        ({"version": None}, "archive format None"),
        ({"study_record": "{"}, "JSONDecodeError"),
        ({"study_record": None}, "TypeError"),
        ({"study_record": "[]"}, "AttributeError"),
        ({"study_record": json.dumps({**STUDY.to_json(), "version": 9})}, "study format 9"),
        ({"study_record": json.dumps({**STUDY.to_json(), "id": "x' OR 1"})}, "study id"),
        ({"trial_record": "[" * 100_000}, "RecursionError"),
        ({"trial_record": json.dumps({**TRIAL.to_json(), "state": "ASLEEP"})}, "ASLEEP"),
        ({"trial_record": json.dumps({**TRIAL.to_json(), "config": {"x": []}})}, "number, text"),
    ],
)
def test_a_damaged_record_is_told_with_its_row(
    path: Path, change: dict[str, Any], words: str
) -> None:
    rewrite(path, **change)
    told = damaged(path)
    assert "x: row 1: no record of a trial" in told
    assert words in told
    assert told.endswith("Export the studies anew.")


def test_a_trial_that_is_there_twice_is_told(path: Path) -> None:
    write_archive(path, [STUDY.with_trials((TRIAL, TRIAL))])
    assert "row 2: no record of a trial" in damaged(path)


def test_two_studies_of_one_id_are_told(path: Path) -> None:
    write_archive(path, [STUDY, replace(STUDY, seed=4)])
    assert damaged(path) == "x: two studies have one id. Export them anew."


@pytest.mark.parametrize("limit", ["MOST_ROWS", "MOST_BYTES"])
def test_a_small_file_that_holds_too_much_is_not_read(
    path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(archive, limit, 100)
    write_archive(path, [STUDY.with_trials(tuple(replace(TRIAL, id=n) for n in range(200)))])
    assert "x: more than" in damaged(path)


def test_others_may_read_what_was_exported(tmp_path: Path) -> None:
    path = tmp_path / "past.parquet"
    write_archive(path, [])
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
