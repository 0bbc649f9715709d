"""From names on the command line to finished studies."""

from pathlib import Path

import pytest

from tests.tuner.comparison.studies import CONFIG, finished
from tests.tuner.studies import study
from tuner.comparison.find import find_runs
from tuner.design import Design, Record
from tuner.errors import RunDirectoryError, UsageError
from tuner.journal import Journal


def test_a_task_stands_for_its_finished_runs_under_the_home(home: Path) -> None:
    finished(home / "runs", "cold", 0, (1.0,))
    finished(home / "experiments" / "x" / "toy-curve", "warm", 0, (1.0,))
    (home / "runs" / "unfinished").mkdir()
    Journal.create(home / "runs" / "unfinished", study(), {}).close()
    runs, notes = find_runs(["toy-curve"])
    assert sorted(run.study.arm for run in runs) == ["cold", "warm"]
    assert notes == [f"{home / 'runs' / 'unfinished'}: unfinished or damaged, left out."]
    with pytest.raises(UsageError, match="no finished study of 'adult-xgboost'"):
        find_runs(["adult-xgboost"])


def test_an_experiment_stands_for_its_finished_studies(tmp_path: Path) -> None:
    Record(Design((CONFIG,), ("cold", "warm"), (0,), ("tuner run toy-curve",))).write(tmp_path)
    done = finished(tmp_path, "cold", 0, (1.0,)).directory
    (tmp_path / "toy-curve").mkdir()
    done.rename(tmp_path / "toy-curve" / "cold-0")
    runs, notes = find_runs([str(tmp_path)])
    assert [run.study.arm for run in runs] == ["cold"]
    assert notes == [f"{tmp_path / 'toy-curve' / 'warm-0'}: not finished, left out."]


def test_a_run_named_twice_counts_once_and_an_empty_folder_is_refused(tmp_path: Path) -> None:
    place = str(finished(tmp_path, "cold", 0, (1.0,)).directory)
    assert len(find_runs([place, place])[0]) == 1
    with pytest.raises(RunDirectoryError, match="holds no study"):
        find_runs([str(tmp_path)])
