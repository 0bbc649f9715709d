"""What a run comes to, for a reader and for a program."""

import json
from pathlib import Path
from typing import Any

import pytest

from meta.study import Study, TrialState
from tests.tuner.studies import SPACE, study, trial
from tuner import events
from tuner.final_result import FinalResult
from tuner.ledger import Ledger
from tuner.summary import SYNTHETIC, Report
from tuner.usage import Usage

TRIALS = (
    trial(0, TrialState.COMPLETED, 0.5, 0.25),
    trial(1, TrialState.STOPPED, 0.1),
    trial(2, TrialState.COMPLETED, 0.5, 0.4),
)


FITS = tuple(
    events.FinalFit({"x": 0.0, "depth": 2}, value, {"mae": 0.2}, 1.0, seed)
    for seed, value in enumerate([0.29, 0.3, 0.31])
)


def report(ran: Study | None = None, **changes: Any) -> Report:
    fields: dict[str, Any] = {
        "study": ran or study().with_trials(TRIALS),
        "tested": FinalResult(FITS),
        "finished": events.Finished("all trials done", 0.5),
        "directory": Path("runs/one"),
        "tracking_uri": "http://user:secret@host:5000",
        "tracking_problem": None,
        "seconds": 12.3,
        "synthetic": False,
        "command": "tuner run toy-curve --seed 0",
    }
    return Report(**{**fields, **changes})


def test_the_best_trial_is_shown_with_validation_and_test_value() -> None:
    text = report().text()
    assert (
        "best loss 0.25 on validation, 0.3 ± 0.025 on test (3 seeds)   (trial 0, from tpe)" in text
    )
    assert "  x      0\n  depth  2" in text


def test_trials_are_counted_by_state() -> None:
    assert "3 trials in 12 s (2 completed, 1 stopped); all trials done" in report().text()


def test_what_the_time_went_to_is_told_with_the_final_fits_apart() -> None:
    ledger = Ledger()
    for seconds, event in (
        (0.0, events.Allotted(1.0, 0.0, 1)),
        (6.0, events.Used(0, Usage(6.0, cpu=1.0, cpu_seconds=5.0))),
        (6.0, events.Finished("all trials done")),
        (9.0, events.Used(None, Usage(1.0, cpu=1.0, cpu_seconds=1.0))),
        (9.0, FITS[0]),
    ):
        ledger.enter(event, seconds)
    usage = ledger.to_json()
    assert "its time            67% searching, 11% final fits, 22% orchestration" in (
        report(usage=usage).text()
    )
    assert "final fits" not in report(usage=usage, tested=None).text()
    assert report(usage=usage).to_json()["usage"]["final_fits"]["training_seconds"] == 1.0


def test_the_next_commands_are_named() -> None:
    text = report(tracking_uri="sqlite:///x.db").text()
    assert "tuner ui --tracking-uri sqlite:///x.db" in text
    assert "tuner run toy-curve --seed 0 --baseline" in text
    assert "runs/one" in text


def test_a_cold_study_names_the_warm_one() -> None:
    cold = Study("s", study().task, SPACE, study().metric, 0, "cold", TRIALS)
    assert "run it warm  tuner run toy-curve --seed 0\n" in report(cold).text()


def test_no_password_is_shown() -> None:
    shown = report()
    assert "secret" not in shown.text()
    assert "secret" not in json.dumps(shown.to_json())


def test_synthetic_data_are_named_so() -> None:
    assert SYNTHETIC in report(synthetic=True).text()
    assert SYNTHETIC not in report().text()
    assert report(synthetic=True).to_json()["synthetic"] is True


def test_a_tracking_problem_is_said() -> None:
    assert "2 trials not sent" in report(tracking_problem="2 trials not sent").text()


def test_json_carries_config_and_values() -> None:
    shown = json.loads(json.dumps(report().to_json()))
    assert shown["best"]["config"] == {"x": 0.0, "depth": 2}
    assert (shown["best"]["value"], shown["test"]["value"]) == (0.25, pytest.approx(0.3))
    assert [seed["value"] for seed in shown["test"]["seeds"]] == [0.29, 0.3, 0.31]
    assert shown["trials"] == {"COMPLETED": 2, "STOPPED": 1}
    assert shown["gpu_hours"] == 0.5


def test_without_a_final_fit_there_is_no_test_value() -> None:
    shown = report(tested=None)
    assert "on test" not in shown.text()
    assert shown.to_json()["test"] is None
