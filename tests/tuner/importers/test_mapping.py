"""What the user says about names, and what follows where he says nothing."""

from typing import Any

import pytest

from meta.study import Metric, TrialState
from tests.tuner.importers.tasks import CONFIG, SPACE
from tuner.errors import UsageError
from tuner.importers.foreign import ForeignStudy, ForeignTrial, Reading
from tuner.importers.mapping import Correspondence, check_wishes, correspond, read_wishes


def study(
    params: dict[str, object], *metrics: str, objective: str | None = None, **modes: str
) -> ForeignStudy:
    readings = {name: [Reading(1, 0.5)] for name in metrics or ("rmse",)}
    trial = ForeignTrial(0, params, TrialState.COMPLETED, readings)
    return ForeignStudy("theirs", "test", "/x", (trial,), objective, modes)


def found(
    of: ForeignStudy, *maps: str, metric: str | None = None, mode: str | None = None
) -> Correspondence:
    return correspond(of, read_wishes(maps, metric, mode, SPACE), SPACE, CONFIG.metric)


def fault(call: Any, *arguments: Any, **options: Any) -> str:
    with pytest.raises(UsageError) as caught:
        call(*arguments, **options)
    (line,) = caught.value.faults
    return line


def test_names_are_found_defaults_filled_in_and_the_rest_is_shown() -> None:
    result = found(study({"lr": 0.1, "depth": 3, "colsample": 1}))
    assert {name: link.theirs for name, link in result.params.items()} == {
        "learning_rate": "lr",
        "max_depth": "depth",
    }
    assert result.defaults == {"kind": "a", "subsample": 1.0}
    assert result.unused == ("colsample",)
    assert (result.mode, result.mode_is_known) == ("min", False)


def test_what_the_user_says_counts_more_than_a_name() -> None:
    result = found(study({"learning_rate": 1, "log_lr": -2}), "learning_rate=log_lr:log10")
    assert result.params["learning_rate"].theirs == "log_lr"
    assert result.unused == ("learning_rate",)
    assert result.config({"log_lr": -2, "learning_rate": 1}, SPACE) == {"learning_rate": 0.01}


def test_a_whole_number_stays_whole_on_a_logarithmic_scale() -> None:
    result = found(study({"log_depth": 0.0}), "max_depth=log_depth:log")
    assert result.config({"log_depth": 2.302585092994046}, SPACE) == {"max_depth": 10}
    assert result.config({"log_depth": 1.0}, SPACE)["max_depth"] == pytest.approx(2.71828)


@pytest.mark.parametrize("missing", [None, "", float("nan")])
def test_an_empty_cell_is_left_to_the_default(missing: object) -> None:
    assert found(study({"lr": 0.1})).config({"lr": missing}, SPACE) == {}


def test_a_value_that_is_no_scalar_is_told() -> None:
    with pytest.raises(ValueError, match=r"learning_rate: number, text or true/false expected"):
        found(study({"lr": 0.1})).config({"lr": [0.1]}, SPACE)


def test_without_any_parameter_there_is_nothing_to_learn() -> None:
    told = fault(found, study({"alpha": 1}))
    assert told.startswith("theirs: no parameter of the task (learning_rate, max_depth, kind, s")
    assert told.endswith("among alpha. Say which is which, e.g. --map learning_rate=NAME.")


# The metric and its direction


def test_the_metric_of_our_name_counts_then_the_objective_then_the_only_one() -> None:
    lr: dict[str, object] = {"lr": 0.1}
    assert found(study(lr, "value", "val_rmse", objective="value")).metric.theirs == "val_rmse"
    assert found(study(lr, "value", "loss", objective="value")).metric.theirs == "value"
    assert found(study(lr, "loss")).metric.theirs == "loss"


def test_without_a_metric_it_is_asked_for() -> None:
    told = fault(found, study({"lr": 0.1}, "loss", "acc"))
    assert told == (
        "theirs: no rmse among its metrics (loss, acc). Say which it is with --metric NAME."
    )


def test_a_metric_that_is_not_there_is_told_with_the_nearest() -> None:
    told = fault(found, study({"lr": 0.1}, "loss", "acc"), metric="los")
    assert told == "--metric: no 'los' in theirs. Did you mean loss?"


@pytest.mark.parametrize(
    ("known", "wished", "scale", "mode"),
    [
        ("max", None, "", "max"),
        (None, "max", "", "max"),
        ("max", "max", "", "max"),
        ("max", None, ":negative", "min"),
        (None, "max", ":complement", "min"),
        (None, "min", ":0.01", "min"),
    ],
)
def test_the_direction_is_theirs_or_said_and_turned_by_the_scale(
    known: str | None, wished: str | None, scale: str, mode: str
) -> None:
    of = study({"lr": 0.1}, "loss", **({"loss": known} if known else {}))
    result = found(of, metric=f"loss{scale}", mode=wished)
    assert (result.mode, result.mode_is_known) == (mode, True)
    assert (
        result.value(0.5) == {"": 0.5, ":negative": -0.5, ":complement": 0.5, ":0.01": 0.005}[scale]
    )


def test_a_direction_that_contradicts_the_source_is_told() -> None:
    told = fault(found, study({"lr": 0.1}, "loss", loss="max"), mode="min")
    assert "theirs has loss with mode max, got min. Leave it out" in told


# What is typed wrongly


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x", "OURS=THEIRS expected, got 'x'. Write e.g. learning_rate=lr"),
        ("max_depth=", "OURS=THEIRS expected"),
        ("max_dept=depth", "no parameter 'max_dept'. Did you mean max_depth?"),
        ("max_depth=depth:log3", "--map max_depth: unknown scale 'log3'. Did you mean log?"),
    ],
)
def test_a_wrong_map_is_told(text: str, words: str) -> None:
    assert words in fault(read_wishes, [text], None, None, SPACE)


def test_all_wrong_wishes_are_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        read_wishes(["x", "max_depth=a", "max_depth=b"], "loss:foo", "maximise", SPACE)
    assert [told.split(":")[0] for told in caught.value.faults] == [
        "--map",
        "--map",
        "--metric",
        "--mode",
    ]
    assert "max or min expected, got 'maximise'" in caught.value.faults[-1]


def test_a_map_to_what_no_study_has_is_told_with_the_nearest() -> None:
    wishes = read_wishes(["max_depth=dpth"], None, None, SPACE)
    told = fault(check_wishes, wishes, [study({"depth": 1}), study({"lr": 1})])
    assert told == "--map max_depth: no parameter 'dpth' there. Did you mean depth?"


def test_a_map_that_one_study_lacks_leaves_its_default() -> None:
    wishes = read_wishes(["max_depth=depth"], None, None, SPACE)
    result = correspond(study({"lr": 1}), wishes, SPACE, Metric("rmse", "min"))
    assert "max_depth" in result.defaults
