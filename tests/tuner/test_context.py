"""What a trainable may report, and what becomes of it."""

import json
import math
import re
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest

from meta.study import TrialState
from tests.tuner.studies import METRIC
from trainables.base import Context
from tuner import context as module
from tuner import training
from tuner.context import Batch, TrialContext, TrialSetting
from tuner.events import Memory


def setting(tmp_path: Path, trainable: str = "", rungs: tuple[int, ...] = (1, 3)) -> TrialSetting:
    return TrialSetting(trainable, "curve", METRIC, 4, rungs, tmp_path / "checkpoints")


@pytest.fixture
def outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Batch]]:
    """Runs a training function as a trial; its batches."""

    def play(train: Callable[[Any, Context], None], **options: Any) -> list[Batch]:
        batches: list[Batch] = []
        monkeypatch.setattr(
            training.trainables, "get", lambda name: training.trainables.Trainable(train, None)
        )
        trial = TrialContext(setting(tmp_path, **options), 0, 1, None, batches.append)
        training.run_training(setting(tmp_path), trial, {"x": 0.5})
        return batches

    return play


def steps(batches: list[Batch]) -> list[list[int]]:
    return [[fields["step"] for fields in batch["measurements"]] for batch in batches]


def test_batches_break_at_rungs_and_the_last_carries_the_end(outcome: Any) -> None:
    def train(config: Any, context: Context) -> None:
        for step in range(1, 5):
            context.report(step, 1 / step)

    batches = outcome(train)
    assert steps(batches) == [[1], [2, 3], [4]]
    assert [batch["ended"] and batch["ended"][0] for batch in batches] == [None, None, "COMPLETED"]
    assert batches[-1]["value"] == 0.25


def test_a_slow_trial_reports_between_rungs(outcome: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FLUSH_SECONDS", 0.0)

    def train(config: Any, context: Context) -> None:
        context.report(1, 1.0)
        context.report(2, 1.0)

    assert steps(outcome(train, rungs=())) == [[1], [2], []]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_ends_the_trial_at_once(outcome: Any, value: float) -> None:
    reached = []

    def train(config: Any, context: Context) -> None:
        context.report(1, 1.0)
        context.report(2, value)
        reached.append("the next step")

    batches = outcome(train)
    assert batches[-1]["ended"][:2] == ("DIVERGED", f"step 2: loss is {value}")
    assert steps(batches) == [[1], []]
    assert not reached


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (37, r"step 1: loss 37 is outside \[0, 10\]"),
        ("good", "number expected for value, got str"),
        (True, "number expected for value, got bool"),
        (None, "number expected for value, got NoneType"),
        (numpy.zeros(10), r"number expected for value, got ndarray of shape \(10,\)"),
        ({"loss": 1}, "number expected for value, got dict"),
    ],
)
def test_what_is_no_measurement_fails_the_trial(outcome: Any, value: Any, reason: str) -> None:
    batches = outcome(lambda config, context: context.report(1, value))
    assert batches[-1]["ended"][0] == "FAILED"
    assert re.search(reason, batches[-1]["ended"][1])


def test_numpy_numbers_are_numbers_and_python_s_from_here_on(outcome: Any) -> None:
    config = {"x": numpy.int64(1), "kind": numpy.str_("b"), "on": numpy.bool_(True)}
    batches = outcome(
        lambda _, context: context.report(
            numpy.int64(1), numpy.float32(0.5), {"a": numpy.float32(1)}, config
        )
    )
    assert batches[-1]["ended"][0] == "COMPLETED"
    (measured,) = batches[0]["measurements"]
    assert measured["config"] == {"x": 1, "kind": "b", "on": True}
    json.dumps(measured)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ((0, 1.0), "report: steps count from 1, got 0"),
        ((-1, 1.0), "report: steps count from 1, got -1"),
        ((1.0, 1.0), "report: whole number expected for step, got float"),
        (("1", 1.0), "report: whole number expected for step, got str"),
        ((1, 1.0, {1: 2.0}), "report: text expected for the name of a metric, got 1"),
        ((1, 1.0, None, {1: 2.0}), "report: text expected for the name of a parameter, got 1"),
        ((1, 1.0, None, {"x": None}), "report: config x must be .*, got None"),
        ((1, 1.0, None, {"x": [1]}), r"report: config x must be .*, got \[1\]"),
        ((1, 1.0, None, {"x": math.nan}), "report: config x must be .*, got nan"),
    ],
)
def test_what_no_journal_can_hold_fails_the_trial(outcome: Any, given: Any, reason: str) -> None:
    batches = outcome(lambda config, context: context.report(*given))
    assert batches[-1]["ended"][0] == "FAILED"
    assert re.fullmatch(reason, batches[-1]["ended"][1])
    assert steps(batches) == [[]]


def test_a_trial_that_reports_nothing_has_failed(outcome: Any) -> None:
    batches = outcome(lambda config, context: None)
    assert batches[-1]["ended"][:2] == ("FAILED", "reported no value")


def test_an_exception_is_told_with_its_place_and_a_short_trace(outcome: Any) -> None:
    def fall(depth: int) -> None:
        if depth:
            fall(depth - 1)
        raise ValueError("no convergence")

    batches = outcome(lambda config, context: fall(50))
    state, reason, *_ = batches[-1]["ended"]
    first, *trace = reason.splitlines()
    assert state == "FAILED"
    assert first.startswith("ValueError: no convergence (test_context.py:")
    assert "raise ValueError" in first
    assert len(trace) <= training.TRACE_LINES


def test_when_an_end_is_told_the_training_holds_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Weights:
        """Stands for what a network holds."""

    def train(config: Any, context: Context) -> None:
        weights = Weights()
        alive.append(weakref.ref(weights))
        raise RuntimeError("CUDA out of memory")

    alive: list[weakref.ref[Weights]] = []
    held: list[bool] = []
    trainable = training.trainables.Trainable(train, None)
    monkeypatch.setattr(training.trainables, "get", lambda name: trainable)

    def send(batch: Batch) -> None:
        held.append(alive[0]() is not None)

    trial = TrialContext(setting(tmp_path), 0, 1, None, send)
    training.run_training(setting(tmp_path), trial, {"x": 0.5})
    assert held == [False]


def test_running_out_of_memory_is_named_so(outcome: Any) -> None:
    def train(config: Any, context: Context) -> None:
        raise MemoryError

    state, reason, _, lacked = outcome(train)[-1]["ended"]
    assert (state, reason, lacked) == ("FAILED", "out of memory (host)", Memory.HOST)


def test_steps_that_repeat_or_go_back_are_ignored(outcome: Any) -> None:
    def train(config: Any, context: Context) -> None:
        for step in (1, 3, 2, 3, 4):
            context.report(step, float(step))

    assert steps(outcome(train, rungs=())) == [[1, 3, 4]]


def test_other_metrics_that_are_not_finite_are_left_out(outcome: Any) -> None:
    batches = outcome(lambda config, context: context.report(1, 1.0, {"a": math.nan, "b": 2}))
    assert batches[0]["measurements"][0]["metrics"] == {"b": 2.0}


def test_a_checkpoint_comes_back_with_the_seconds_already_trained(tmp_path: Path) -> None:
    def new() -> TrialContext:
        return TrialContext(setting(tmp_path), 0, 1, None, lambda batch: None)

    first = new()
    assert first.restore() is None
    first.save(lambda folder: (folder / "state.txt").write_text("old"))
    first._began -= 100
    first.save(lambda folder: (folder / "state.txt").write_text("new"))
    second = new()
    folder = second.restore()
    assert folder is not None
    assert (folder / "state.txt").read_text() == "new"
    assert second.seconds >= 100


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    def full(folder: Path) -> None:
        (folder / "state.txt").write_text("half")
        raise OSError(28, "No space left on device")

    trial = TrialContext(setting(tmp_path), 0, 1, None, lambda batch: None)
    trial.save(lambda folder: (folder / "state.txt").write_text("whole"))
    trial.save(full)
    folder = trial.restore()
    assert folder is not None
    assert (folder / "state.txt").read_text() == "whole"


def test_a_checkpoint_with_damaged_progress_counts_as_none(tmp_path: Path) -> None:
    trial = TrialContext(setting(tmp_path), 0, 1, None, lambda batch: None)
    trial.save(lambda folder: None)
    (tmp_path / "checkpoints" / "0" / module.PROGRESS_FILE).write_text('{"sec')
    assert trial.restore() is None


def killed_at(setting: TrialSetting, step: int) -> None:
    """A trial whose worker died when it had kept the checkpoint of a step."""
    sent: list[Batch] = []
    trial = TrialContext(setting, 0, 1, None, sent.append)
    for number in range(1, step + 1):
        trial.report(number, float(number))
        trial.save(lambda folder, number=number: (folder / "step").write_text(str(number)) and None)


def resuming(config: Any, context: Context) -> None:
    kept = context.restore()
    done = int((kept / "step").read_text()) if kept else 0
    for number in range(done + 1, context.max_steps + 1):
        context.report(number, float(number))


def test_what_was_measured_and_not_sent_comes_back_with_the_checkpoint(
    outcome: Any, tmp_path: Path
) -> None:
    killed_at(setting(tmp_path), 2)
    assert steps(outcome(resuming)) == [[2, 3], [4]]


def test_a_trial_whose_last_step_was_done_but_not_sent_is_not_trained_again(
    outcome: Any, tmp_path: Path
) -> None:
    killed_at(setting(tmp_path), 4)
    (batch,) = outcome(resuming)
    assert batch["ended"][:2] == ("COMPLETED", "")
    assert steps([batch]) == [[4]]


@pytest.mark.parametrize("content", ["9", "none"])
def test_a_checkpoint_that_leads_to_nothing_costs_its_steps_and_not_the_trial(
    outcome: Any, tmp_path: Path, content: str
) -> None:
    killed_at(setting(tmp_path), 3)
    (tmp_path / "checkpoints" / "0" / "step").write_text(content)
    batches = outcome(resuming)
    assert batches[-1]["ended"][0] == "COMPLETED"
    assert [step for batch in steps(batches) for step in batch] == [1, 2, 3, 4]


def test_the_checkpoint_stays_until_the_driver_knows_how_the_trial_ended(
    outcome: Any, tmp_path: Path
) -> None:
    def train(config: Any, context: Context) -> None:
        context.save(lambda folder: (folder / "big.bin").write_bytes(b"0" * 1000))
        context.report(1, 1.0)

    outcome(train)
    assert (tmp_path / "checkpoints" / "0" / "big.bin").exists()


@pytest.mark.parametrize(
    ("lacked", "stays"), [(None, False), (Memory.HOST, False), (Memory.GPU, True)]
)
def test_a_trial_that_may_be_run_again_leaves_its_checkpoint(
    tmp_path: Path, lacked: Memory | None, stays: bool
) -> None:
    trial = TrialContext(setting(tmp_path), 0, 1, None, lambda batch: None)
    trial.save(lambda folder: None)
    trial.end(TrialState.FAILED, lacked=lacked)
    trial.leave()
    assert (tmp_path / "checkpoints" / "0").exists() is stays
