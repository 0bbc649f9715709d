"""What a study occupied: per GPU, whoever shares it, over interruptions."""

from pathlib import Path

import pytest

from meta.study import TrialState
from tests.tuner.studies import journal, trial
from tuner.bill import Shares
from tuner.events import Allotted, Ended, Event, FinalFit, Finished, Requeued, Used
from tuner.journal import Journal
from tuner.ledger import Ledger
from tuner.usage import Usage

HOUR = 3600.0
GPU = Allotted(1.0, "auto", 2, gpus=1.0)


def fold(*events: tuple[float, Event]) -> Ledger:
    ledger = Ledger()
    for hours, event in events:
        ledger.enter(event, hours * HOUR)
    return ledger


def opens(trial: int | None, *gpus: str, seconds: float = 0.0) -> Used:
    return Used(trial, Usage(seconds, gpu=0.5, gpus=gpus or ("a",)))


def ends(trial: int, state: TrialState = TrialState.COMPLETED) -> Ended:
    return Ended(trial, state)


def test_trials_that_share_a_gpu_do_not_count_twice() -> None:
    ledger = fold((0, GPU), (0, opens(0)), (1, opens(1)), (2, ends(0)), (3, ends(1)))
    assert ledger.gpu_hours == pytest.approx(3)


def test_two_gpus_count_twice_and_a_pause_not_at_all() -> None:
    ledger = fold(
        *((0, GPU), (0, opens(0, "a", "b")), (1, ends(0))),
        *((5, opens(1, "a")), (6, ends(1))),
    )
    assert ledger.gpu_hours == pytest.approx(3)


def test_a_share_held_across_the_end_of_others_counts_once() -> None:
    ledger = fold(
        *((0, GPU), (0.5, opens(1)), (1, opens(0)), (2, ends(0))),
        *((3, opens(2)), (4, ends(2)), (6, ends(1))),
    )
    assert ledger.gpu_hours == pytest.approx(5.5)


def test_time_that_runs_counts_at_once() -> None:
    ledger = fold((0, GPU), (0, opens(0)), (0.5, opens(1)), (1, ends(0)))
    assert ledger.gpu_seconds(3 * HOUR) == pytest.approx(3 * HOUR)


@pytest.mark.parametrize("state", [TrialState.FAILED, TrialState.STOPPED, TrialState.DIVERGED])
def test_trials_that_come_to_nothing_count(state: TrialState) -> None:
    assert fold((0, GPU), (0, opens(0)), (2, ends(0, state))).gpu_hours == pytest.approx(2)


def test_what_ran_out_of_memory_counts_until_then_and_again() -> None:
    ledger = fold(
        *((0, GPU), (0, opens(0)), (1, Requeued(0, 1.0))),
        *((2, opens(0)), (3, ends(0))),
    )
    assert ledger.gpu_hours == pytest.approx(2)
    assert [again.gpu for again in ledger.requeued[0]] == [1.0]


def test_the_final_fit_counts() -> None:
    ledger = fold(
        *((0, GPU), (0, opens(0)), (1, ends(0)), (1, Finished("done", 1.0))),
        (3, opens(None, seconds=2 * HOUR)),
    )
    assert ledger.gpu_hours == pytest.approx(3)


def test_after_a_kill_what_ran_counts_until_the_last_sign_of_life() -> None:
    ledger = fold(
        *((0, GPU), (0, opens(0)), (1, Used(0, Usage(HOUR)))),
        *((1, GPU), (1, opens(0)), (2, ends(0))),
    )
    assert ledger.gpu_hours == pytest.approx(2)


CPU = Allotted(1.0, 0.0, 2)


def trained(trial: int | None, cpu_seconds: float = HOUR / 2) -> Used:
    return Used(trial, Usage(HOUR, cpu=1.0, cpu_seconds=cpu_seconds, energy_joules=5.0))


def fitted(hours: float, used: Used | None = None) -> tuple[tuple[float, Event], ...]:
    """A final fit that ended then."""
    return (hours, used or trained(None)), (hours, FinalFit({}, 0.5))


def test_the_time_of_the_places_is_split_into_search_final_fits_and_orchestration() -> None:
    trials = [(h, trained(id)) for id, h in enumerate((2, 2, 4))]
    searched = fold((0, CPU), *trials, (4, Finished("done")))
    assert searched.bill.shares == Shares(3 / 8, 0.0, 5 / 8)
    fits = [*fitted(5.5), *fitted(6), *fitted(7)]
    ledger = fold((0, CPU), *trials, (4, Finished("done")), *fits)
    assert ledger.bill.shares == Shares(3 / 14, 3 / 14, pytest.approx(8 / 14))
    found = ledger.to_json()
    assert (found["search"]["cpu_hours"], found["final_fits"]["cpu_hours"]) == (1.5, 1.5)
    assert (found["cpu_hours"], found["energy_joules"], found["cpu_percent"]) == (3.0, 30.0, 50.0)
    assert found["overhead"] == pytest.approx(8 / 14)


def test_a_place_that_no_final_fit_was_left_for_counts_nowhere() -> None:
    ledger = fold((0, CPU), (2, trained(0)), (2, Finished("done")), *fitted(3))
    assert ledger.bill.final_fits.offered_seconds == HOUR


def test_a_final_fit_that_was_lost_and_repeated_had_one_place() -> None:
    lost = (3, trained(None))
    ledger = fold((0, CPU), (2, trained(0)), (2, Finished("done")), lost, *fitted(4))
    assert ledger.bill.final_fits.offered_seconds == 2 * HOUR
    assert ledger.bill.final_fits.busy_seconds == 2 * HOUR


def test_a_final_fit_that_came_to_nothing_had_a_place() -> None:
    fits = [(3, trained(None)), *fitted(3)]
    ledger = fold((0, CPU), (2, trained(0)), (2, Finished("done")), *fits)
    assert ledger.bill.shares == Shares(1 / 6, 2 / 6, pytest.approx(3 / 6))


def test_final_fits_of_later_sessions_are_added_and_the_pause_between_is_not() -> None:
    ledger = fold(
        *((0, CPU), (1, trained(0)), (1, trained(1)), (1, Finished("done"))),
        *(*fitted(2), (9, CPU), *fitted(10)),
    )
    assert ledger.bill.search.offered_seconds == 2 * HOUR
    assert ledger.bill.final_fits.offered_seconds == 2 * HOUR
    assert ledger.bill.final_fits.usage.seconds == 2 * HOUR


def test_on_gpus_the_final_fits_have_the_hours_that_the_search_has_not() -> None:
    fits = Used(None, Usage(HOUR, gpu=0.5, gpus=("a",)))
    ledger = fold(
        *((0, GPU), (1, opens(0)), (4, Used(0, Usage(3 * HOUR))), (4, ends(0))),
        *((4, Finished("done", 3.0)), *fitted(6, fits), *fitted(6, fits)),
    )
    bill = ledger.bill
    assert (bill.search.gpu_seconds, bill.final_fits.gpu_seconds) == (3 * HOUR, HOUR)
    assert bill.shares == Shares(3 / 6, 1 / 6, pytest.approx(2 / 6))
    assert ledger.to_json()["final_fits"]["gpu_hours"] == pytest.approx(1)


def test_bills_of_several_studies_add_up() -> None:
    bill = fold((0, CPU), (2, trained(0)), (2, Finished("done")), *fitted(3)).bill
    assert (bill + bill).shares == bill.shares
    assert (bill + bill).total.usage.cpu_seconds == 2 * HOUR


def test_the_ledger_survives_in_the_journal(tmp_path: Path) -> None:
    log = journal(tmp_path, trial(0, TrialState.RUNNING))
    usage = Usage(0.5, 3, 1.0, 0.4, 10, 0.5, ("a",), 20, 80.0, 30.0, 100.0, True)
    log.append(GPU, Used(0, usage, 25), Requeued(0, 1.0, "too small"))
    log.close()
    again = Journal.open(tmp_path).ledger
    assert again.trials == {0: usage}
    assert again.predicted_bytes == {0: 25}
    assert again.requeued == {0: [Requeued(0, 1.0, "too small")]}
    assert again.sessions == [GPU]
    assert again.to_json()["requeued"] == 1
