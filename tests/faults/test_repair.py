"""Rows 23 and 24: a journal cut short or with flipped bits is told, and repaired from what is left.

No trial that repair keeps as ended is another than it was; the rest goes on or is tried anew.
"""

import random
import shutil
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from meta.study import Study, TrialState
from tests.faults.points import FaultPoint, raising
from tests.tuner.test_journal import write_study
from tests.tuner.test_journal_faults import (
    Damage,
    copy_as_after_a_kill,
    flip_a_bit,
    truncate,
)
from tuner import journal_file
from tuner.errors import JournalDamaged, RunDirectoryError
from tuner.journal import Journal
from tuner.journal_file import FILE_NAME, LAST_FILE
from tuner.repair import DAMAGED, repair, salvage


def assert_nothing_wrong(kept: Study, whole: Study) -> None:
    for trial in kept.trials:
        was = whole.trials[trial.id]
        assert trial.config == was.config
        assert trial.measurements == was.measurements[: len(trial.measurements)]
        assert trial.state is TrialState.RUNNING or trial == was


def damaged_copy(pristine: Path, target: Path, name: str, damage: Damage, seed: int) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(pristine, target)
    content = damage((pristine / name).read_bytes(), random.Random(seed))
    (target / name).write_bytes(content)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Study]:
    """A study of 30 trials whose file was closed."""
    folder = tmp_path_factory.mktemp("closed")
    journal = write_study(folder, 30)
    journal.close()
    return folder, journal.study


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Study]:
    """The same as a kill leaves it, the end in the WAL."""
    folder = tmp_path_factory.mktemp("killed")
    journal = write_study(folder / "run", 30)
    copy_as_after_a_kill(journal, folder / "copy")
    journal.close()
    return folder / "copy", journal.study


@pytest.mark.parametrize("damage", [truncate, flip_a_bit])
@pytest.mark.parametrize(("name", "how"), [(FILE_NAME, "closed"), (f"{FILE_NAME}-wal", "killed")])
def test_what_is_kept_of_a_damaged_journal_is_what_was_written(
    tmp_path: Path, name: str, how: str, damage: Damage, request: pytest.FixtureRequest
) -> None:
    pristine, whole = request.getfixturevalue(how)
    repaired = hopeless = 0
    for seed in range(25):
        damaged_copy(pristine, tmp_path / "run", name, damage, seed)
        try:
            Journal.open(tmp_path / "run").close()
        except JournalDamaged:
            pass
        else:
            continue
        try:
            told = repair(tmp_path / "run")
        except RunDirectoryError:
            hopeless += 1
            continue
        repaired += 1
        journal = Journal.open(tmp_path / "run")
        journal.close()
        assert_nothing_wrong(journal.study, whole)
        ended = sum(t.state is not TrialState.RUNNING for t in journal.study.trials)
        assert ended == len(whole.trials) or "events are lost" in told
    assert repaired > hopeless


def test_a_repair_says_what_is_lost_and_keeps_the_damaged_files(
    tmp_path: Path, closed: tuple[Path, Study]
) -> None:
    shutil.copytree(closed[0], tmp_path / "run")
    path = tmp_path / "run" / FILE_NAME
    whole = path.read_bytes()
    place = whole.index(b'"trial": 7, "measurement"')
    path.write_bytes(whole[:place] + b"!" + whole[place + 1 :])
    with pytest.raises(JournalDamaged, match=r"event 39 is lost.*--repair"):
        Journal.open(tmp_path / "run")
    told = repair(tmp_path / "run")
    assert "2 of 150 events are lost; trials 7 go on from what is left of them" in told
    assert (tmp_path / "run" / DAMAGED / FILE_NAME).read_bytes()[place : place + 1] == b"!"
    journal = Journal.open(tmp_path / "run")
    journal.close()
    assert journal.trials[7].state is TrialState.RUNNING
    assert journal.trials[7].step == 2
    assert len(journal.trials) == 30


def test_a_trial_whose_beginning_is_lost_leaves_a_gap(
    tmp_path: Path, closed: tuple[Path, Study]
) -> None:
    shutil.copytree(closed[0], tmp_path / "run")
    path = tmp_path / "run" / FILE_NAME
    path.write_bytes(path.read_bytes().replace(b'{"trial": 3, "config"', b'{"trial": 4, "config"'))
    assert salvage(tmp_path / "run").lost == (3,)
    assert "trials 3 are tried anew" in repair(tmp_path / "run")
    journal = Journal.open(tmp_path / "run")
    journal.close()
    assert sorted(set(range(30)) - set(journal.trials)) == [3]


def test_without_its_header_nothing_is_repaired_and_nothing_changed(
    tmp_path: Path, closed: tuple[Path, Study]
) -> None:
    shutil.copytree(closed[0], tmp_path / "run")
    path = tmp_path / "run" / FILE_NAME
    path.write_bytes(path.read_bytes().replace(b'"rmse"', b'"mase"'))
    before = {file.name: file.read_bytes() for file in (tmp_path / "run").iterdir()}
    with pytest.raises(RunDirectoryError, match="nothing was changed"):
        repair(tmp_path / "run")
    assert {file.name: file.read_bytes() for file in (tmp_path / "run").iterdir()} == before


def die_at(patch: pytest.MonkeyPatch, n: int) -> None:
    """Let the ``n``-th change of a file be the last one."""
    point = FaultPoint(n, raising(SystemExit()))
    for owner, name in (
        *((shutil, "rmtree"), (shutil, "copy"), (journal_file, "insert")),
        *((Path, "mkdir"), (Path, "unlink"), (Path, "replace")),
    ):
        patch.setattr(owner, name, point.wrap(getattr(owner, name)))


def is_repaired_when_killed_at(run: Path, n: int) -> bool:
    with pytest.MonkeyPatch.context() as patch, suppress(SystemExit):
        die_at(patch, n)
        repair(run)
        return True
    return False


def test_a_repair_that_was_killed_anywhere_is_finished_by_another(
    tmp_path: Path, killed: tuple[Path, Study]
) -> None:
    """The end of the log is in the WAL, which must not go before its heir is there."""
    run = tmp_path / "run"
    for n in count(1):
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(killed[0], run)
        wal = (
            (run / f"{FILE_NAME}-wal")
            .read_bytes()
            .replace(b'"trial": 29, "st', b'"trial": 29! "st')
        )
        (run / f"{FILE_NAME}-wal").write_bytes(wal)
        told = salvage(run).text()
        if is_repaired_when_killed_at(run, n):
            break
        with pytest.raises(JournalDamaged):
            Journal.open(run)
        assert salvage(run).text() == told
        assert told in repair(run)
        journal = Journal.open(run)
        journal.close()
        assert len(journal.trials) == 30
        assert_nothing_wrong(journal.study, killed[1])
        assert (run / DAMAGED / f"{FILE_NAME}-wal").read_bytes() == wal
    assert n > 10


def test_a_lost_end_is_noticed_by_the_count_beside_the_log(
    tmp_path: Path, killed: tuple[Path, Study]
) -> None:
    shutil.copytree(killed[0], tmp_path / "run")
    wal = tmp_path / "run" / f"{FILE_NAME}-wal"
    wal.write_bytes(wal.read_bytes()[:-5000])
    assert salvage(tmp_path / "run").written == int((killed[0] / LAST_FILE).read_text())
