"""How a study stands, as a run sees it while it goes on and a reader sees it afterwards."""

from pathlib import Path

import pytest

from meta.study import TrialState
from tests.tuner.studies import journal, trial
from tuner.events import Ended, FinalFit, Finished, Memory, Started
from tuner.journal import Journal
from tuner.standing import Improvement, Standing


@pytest.fixture(params=["as it goes on", "read again"])
def standing(tmp_path: Path, request: pytest.FixtureRequest) -> Standing:
    """Five trials: better is 1 after 0; 2 is as good, 3 was stopped, 4 lacked memory."""
    values = (0.5, 0.3, 0.3, 0.1)
    states = [TrialState.COMPLETED] * 3 + [TrialState.STOPPED]
    pairs = zip(states, values, strict=True)
    log = journal(tmp_path, *(trial(id, state, value) for id, (state, value) in enumerate(pairs)))
    log.append(Started(4, {"x": 0.4, "depth": 2}, "tpe", 4))
    log.append(Ended(4, TrialState.FAILED, "too small", lacked=Memory.HOST))
    log.append(Finished("done"), FinalFit({"x": 0.1}, 0.4, seed=0))
    log.close()
    return log if request.param == "as it goes on" else Journal.open(tmp_path)


def test_an_improvement_is_a_completed_trial_better_than_all_before_it(standing: Standing) -> None:
    found = [(item.trials, item.value, item.trial) for item in standing.improvements]
    assert found == [(1, 0.5, 0), (2, 0.3, 1)]
    assert standing.improvements[-1] == Improvement(2, standing.ended[1], 0.3, 1)


def test_trials_end_in_an_order_and_the_search_after_them(standing: Standing) -> None:
    assert list(standing.ended) == [0, 1, 2, 3, 4]
    assert sorted(standing.ended.values()) == [*standing.ended.values()]
    assert standing.ended[4] <= standing.search_seconds <= standing.seconds


def test_what_a_machine_was_too_small_for_is_counted(standing: Standing) -> None:
    assert standing.starved == 1


def test_the_study_holds_the_trials_and_the_test_the_final_fits(standing: Standing) -> None:
    assert [item.id for item in standing.study.trials] == [0, 1, 2, 3, 4]
    assert standing.finished is not None
    assert standing.tested is not None
    assert standing.tested.value == 0.4
