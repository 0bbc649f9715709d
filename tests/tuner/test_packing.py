"""Which trials share a GPU: admission, release, repeats, and what is learned from measurements."""

from pathlib import Path

import pytest

from meta.study import Trial, TrialState
from tests.tuner.studies import journal
from tuner.events import Ended, Requeued, Started, Used
from tuner.journal import Journal
from tuner.packing import Gpus, Packing, Speeds, share_of
from tuner.usage import Usage

GB = 10**9
ONE = Gpus(1.0, 80 * GB, "auto")


def predicted(config: object) -> int:
    """A memory model: 2 GB a unit of depth."""
    assert isinstance(config, dict)
    return 2 * GB * int(config["depth"])


@pytest.fixture
def log(tmp_path: Path) -> Journal:
    return journal(tmp_path)


def pack(log: Journal, gpus: Gpus = ONE, predict: object = predicted) -> Packing:
    packing = Packing(gpus, predict, log.ledger)  # type: ignore[arg-type]
    for trial in log.trials.values():
        packing.learn(trial)
    log.listen(lambda event: packing.hear(log.trials, event))
    return packing


def start(log: Journal, depth: int = 1) -> Trial:
    id = len(log.trials)
    log.append(Started(id, {"x": 0.5, "depth": depth}, "tpe", id))
    return log.trials[id]


def use(log: Journal, trial: Trial, share: float, gb: float, steps: int = 10) -> None:
    """The trial trains for ten seconds and ends."""
    usage = Usage(10.0, steps, gpu=share, gpus=("a",), peak_gpu_bytes=round(gb * GB))
    log.append(Used(trial.id, usage), Ended(trial.id, TrialState.COMPLETED))


def share(packing: Packing, trial: Trial) -> float:
    place = packing.place(trial)
    assert place is not None
    packing.leave(trial.id)
    return place.gpu


def test_small_trials_begin_two_on_a_gpu_and_large_ones_alone(log: Journal) -> None:
    packing = pack(log)
    assert share(packing, start(log, 1)) == 0.5
    assert share(packing, start(log, 20)) == 0.5
    assert share(packing, start(log, 21)) == 1.0
    assert share(packing, start(log, 500)) == 1.0


def test_memory_held_before_the_first_step_is_no_peak(log: Journal) -> None:
    packing = pack(log)
    trial = start(log, 20)
    opened = Usage(0.1, 0, gpu=0.5, gpus=("a",), peak_gpu_bytes=GB)
    log.append(Used(trial.id, opened))
    assert packing.peaks.expected(trial.config) == predicted(trial.config)
    log.append(Ended(trial.id, TrialState.FAILED, "raised"))
    assert packing.peaks.expected(trial.config) == predicted(trial.config)


def test_trials_that_run_together_fit_together(log: Journal) -> None:
    """However shares come and go, the predicted peaks never exceed the GPU."""
    packing = pack(log)
    running: dict[int, int] = {}
    for turn in range(300):
        trial = start(log, 1 + turn * 7 % 40)
        while packing.place(trial) is None:
            gone = next(iter(running))
            running.pop(gone)
            packing.leave(gone)
        running[trial.id] = predicted(trial.config)
        assert sum(running.values()) <= 80 * GB
        assert sum(packing.shares.values()) <= 1.0


def test_a_trial_waits_until_its_share_is_free(log: Journal) -> None:
    packing = pack(log)
    small, large = start(log, 1), start(log, 30)
    assert packing.place(small)
    assert packing.has_room()
    assert packing.place(large) is None
    packing.leave(small.id)
    assert packing.place(large)
    assert not packing.has_room()


def test_where_nothing_is_known_a_trial_has_the_gpu_alone_until_one_was_measured(
    log: Journal,
) -> None:
    packing = pack(log, predict=lambda config: 0)
    first = start(log)
    assert share(packing, first) == 1.0
    use(log, first, 1.0, gb=10)
    assert share(packing, start(log)) == 0.5


def test_a_measured_peak_replaces_the_prediction_of_its_shape(log: Journal) -> None:
    packing = pack(log)
    trial = start(log, 5)
    use(log, trial, 0.5, gb=30)
    assert packing.peaks.expected(trial.config) == pytest.approx(31.5 * GB)


def test_the_worst_error_of_the_prediction_corrects_other_shapes(log: Journal) -> None:
    packing = pack(log)
    use(log, start(log, 5), 0.5, gb=20)  # twice what was predicted
    use(log, start(log, 6), 0.5, gb=12)
    assert packing.peaks.expected({"depth": 10}) == pytest.approx(2 * 1.05 * 20 * GB)


def test_a_resumed_study_knows_what_it_measured(log: Journal, tmp_path: Path) -> None:
    packing = pack(log)
    for depth in (5, 6):
        use(log, start(log, depth), 0.5, gb=20)
    log.close()
    again = pack(Journal.open(tmp_path))
    assert again.peaks.measured == packing.peaks.measured


@pytest.mark.parametrize(
    ("together", "expected"),
    [({}, 2), ({2: 10}, 4), ({2: 10, 4: 5.4}, 2), ({2: 10, 4: 5.6}, 8), ({2: 10, 4: 9, 8: 4}, 4)],
)
def test_more_share_a_gpu_only_while_throughput_grows_by_a_tenth(
    together: dict[int, float], expected: int
) -> None:
    """``together``: steps per second of a trial, by how many share the GPU."""
    speeds = Speeds()
    for number, speed in together.items():
        for _ in range(4):
            speeds.enter(Usage(10.0, round(10 * speed), gpu=share_of(number)))
    assert speeds.per_gpu(16) == expected
    assert speeds.per_gpu(1) == 1


def test_a_share_of_the_users_choice_is_kept(log: Journal) -> None:
    packing = pack(log, Gpus(1.0, 0, 0.25))
    trial = start(log, 40)
    use(log, trial, 0.25, gb=70)
    assert share(packing, start(log, 40)) == 0.25


def repeat(log: Journal, packing: Packing, trial: Trial) -> float | None:
    """The trial runs out of memory."""
    assert packing.place(trial)
    larger = packing.larger(trial.id)
    if larger:
        log.append(Requeued(trial.id, larger, "out of memory (gpu)"))
    packing.leave(trial.id)
    return larger


def test_what_runs_out_is_repeated_with_twice_the_share_at_most_twice(log: Journal) -> None:
    packing = pack(log, Gpus(1.0, 0, 0.125))
    trial = start(log)
    assert [repeat(log, packing, trial) for _ in range(3)] == [0.25, 0.5, None]
    assert trial.config == log.trials[trial.id].config


def test_what_runs_out_of_a_whole_gpu_is_not_repeated(log: Journal) -> None:
    packing = pack(log, Gpus(1.0, 0, 0.5))
    trial = start(log)
    assert [repeat(log, packing, trial) for _ in range(2)] == [1.0, None]


def test_repeats_are_remembered_over_a_resume(log: Journal, tmp_path: Path) -> None:
    packing = pack(log, Gpus(1.0, 0, 0.125))
    trial = start(log)
    repeat(log, packing, trial)
    log.close()
    log = Journal.open(tmp_path)
    packing = pack(log, Gpus(1.0, 0, 0.125))
    assert [repeat(log, packing, trial) for _ in range(2)] == [0.5, None]


def test_a_shape_that_ran_out_gets_more_from_the_start_and_no_other(log: Journal) -> None:
    packing = pack(log)
    repeat(log, packing, start(log, 3))
    assert share(packing, start(log, 3)) == 1.0
    assert share(packing, start(log, 1)) == 0.5


def test_a_trial_learns_what_must_be_free_before_it_begins(log: Journal) -> None:
    packing = pack(log)
    place = packing.place(start(log, 4))
    assert place is not None
    assert (place.usable_bytes, place.needed_bytes) == (80 * GB, 8 * GB)
