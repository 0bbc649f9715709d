"""Checkpoints go when their trial has ended, also those of trials that ASHA stopped."""

from pathlib import Path

import pytest

from meta.study import TrialState
from tests.tuner.studies import journal, trial
from tuner.checkpoints import FOLDER, drop_when_ended
from tuner.events import Ended


def keep(run: Path, *names: str) -> None:
    for name in names:
        (run / FOLDER / name).mkdir(parents=True)
        (run / FOLDER / name / "state").write_text("x")


def kept(run: Path) -> list[str]:
    return sorted(path.name for path in (run / FOLDER).iterdir())


@pytest.mark.parametrize("state", [TrialState.COMPLETED, TrialState.STOPPED, TrialState.FAILED])
def test_the_checkpoint_of_a_trial_goes_when_it_ends(tmp_path: Path, state: TrialState) -> None:
    log = journal(tmp_path, trial(0, TrialState.RUNNING, 0.5), trial(1, TrialState.RUNNING))
    keep(tmp_path, "0", "0.new", "1")
    drop_when_ended(log)
    assert kept(tmp_path) == ["0", "0.new", "1"]
    log.append(Ended(0, state))
    assert kept(tmp_path) == ["1"]


def test_what_a_kill_left_of_ended_trials_goes_at_the_resume(tmp_path: Path) -> None:
    log = journal(tmp_path, trial(0, TrialState.COMPLETED, 0.5), trial(1, TrialState.RUNNING))
    keep(tmp_path, "0", "1.new")
    drop_when_ended(log)
    assert kept(tmp_path) == ["1.new"]


def test_what_a_repair_forgot_goes_before_its_name_is_another_configuration_s(
    tmp_path: Path,
) -> None:
    log = journal(tmp_path, trial(0, TrialState.RUNNING, 0.5))
    keep(tmp_path, "0", "1", "2.new", "final-0", "final-0.new")
    drop_when_ended(log)
    assert kept(tmp_path) == ["0"]


def test_where_nothing_was_kept_there_is_nothing_to_drop(tmp_path: Path) -> None:
    drop_when_ended(journal(tmp_path, trial(0, TrialState.COMPLETED, 0.5)))
    assert not (tmp_path / FOLDER).exists()
