"""What came of an import, for a reader and for a program."""

import json

from meta.history import Refusal
from meta.study import TrialState
from tests.tuner.importers.tasks import CONFIG, SPACE
from tuner.importers.adoption import Adopted, adopt
from tuner.importers.foreign import ForeignStudy, ForeignTrial, Reading
from tuner.importers.mapping import correspond, read_wishes
from tuner.importers.outcome import Imported, grouped


def made(name: str, *maps: str) -> Adopted:
    trials = tuple(
        ForeignTrial(n, {"lr": rate, "gamma": 1}, state, {"loss": [Reading(1, 0.5)]})
        for n, (rate, state) in enumerate(
            [
                (0.1, TrialState.COMPLETED),
                (0.2, TrialState.STOPPED),
                (7.0, TrialState.COMPLETED),
                (9.0, TrialState.COMPLETED),
                (0.3, TrialState.FAILED),
            ]
        )
    )
    study = ForeignStudy(name, "test", "/x", trials)
    found = correspond(study, read_wishes(maps, None, None, SPACE), SPACE, CONFIG.metric)
    return adopt(study, found, CONFIG, None)


def imported(*items: Adopted, written: dict[str, int] | None = None) -> Imported:
    source = "http://ann:secret@host"
    return Imported(source, "mlflow", "my task.yaml", items, [Refusal("x", 3, "row: bad")], written)


def test_a_reader_is_told_the_mapping_the_counts_and_the_reasons() -> None:
    item = made("theirs")
    assert item.study is not None
    text = imported(item, written={item.study.id: 2}).text()
    lines = [line.split() for line in text.splitlines()]
    assert "http://ann:***@host (mlflow)" in text
    assert ["learning_rate", "lr", "x"] in lines
    assert ["max_depth", "default", "6"] in lines
    assert ["(metric)", "loss", "x,", "min,", "supposed;", "--mode", "says"] in lines
    assert "not used: gamma" in text
    heading = ["study", "from", "task", "completed", "stopped", "failed", "refused", "new"]
    assert heading in lines
    assert [item.study.id, "theirs", "theirs-trees", "1", "1", "1", "2", "2"] in lines
    assert "refused 2 x  trial 2 of theirs: learning_rate: 7.0 is outside [0.001, 1.0]" in text
    assert "refused 1 x  trial 3 of x: row: bad" in text
    assert text.endswith(
        "3 trials in 1 study, 2 of them new. See what comes of it: tuner plan 'my task.yaml'"
    )


def test_studies_of_one_mapping_are_told_together_and_others_apart() -> None:
    result = imported(made("one"), made("two"), made("three", "subsample=gamma"))
    assert [names for _, names in result._mappings()] == [["one", "two"], ["three"]]
    assert "one, two\n" in result.text()


def test_a_dry_run_says_so() -> None:
    text = imported(made("theirs")).text()
    assert text.endswith("3 trials in 1 study would be imported; without --dry-run they are")
    assert "new" not in text


def test_nothing_left_is_said() -> None:
    item = Adopted("theirs", None, None, (Refusal("theirs", None, "no rmse"),))
    assert imported(item, written={}).text().endswith("\nnothing was imported")


def test_a_program_is_told_everything() -> None:
    item = made("theirs")
    assert item.study is not None
    told = imported(item, written={item.study.id: 2}).to_json()
    json.dumps(told, allow_nan=False)
    assert told["source"] == "http://ann:***@host"
    assert told["dry_run"] is False
    (mapping,) = told["mappings"]
    assert mapping["parameters"] == {"learning_rate": {"theirs": "lr", "as": "x"}}
    assert (mapping["metric"]["theirs"], mapping["mode"], mapping["mode_is_known"]) == (
        "loss",
        "min",
        False,
    )
    (study,) = told["studies"]
    assert study["trials"] == {"completed": 1, "stopped": 1, "failed": 1}
    assert (study["study"], study["refused"], study["written"]) == (item.study.id, 2, 2)
    assert told["refused"][0] == {
        "reason": "learning_rate: 7.0 is outside [0.001, 1.0]",
        "times": 2,
        "study": "theirs",
        "trial": 2,
    }


def test_reasons_that_differ_in_values_only_are_one() -> None:
    refusals = [
        Refusal("s", 1, "has not ended"),
        *(Refusal("s", n, f"rate: {n / 7:g} is outside [0, 1e-3]") for n in range(2, 9)),
        Refusal("s", 9, "kind: one of a, b expected, got 'c'"),
        Refusal("s", 10, "kind: one of a, b expected, got 'dd'"),
    ]
    assert [(reason.times, reason.trial) for reason in grouped(refusals)] == [
        (7, 2),
        (2, 9),
        (1, 1),
    ]
