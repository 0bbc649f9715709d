from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta.space import Categorical, Float, Int, SearchSpace
from meta.study import Metric, Task
from tests.tuner.configs import LEAST, WHOLE, fault_of, faults, write
from tuner.config import Budget, Final, Model, Resources, StudyConfig, Tracking, WarmStart
from tuner.config_reader import Override, load
from tuner.errors import UsageError
from tuner.fields import FIELDS, SECTIONS
from tuner.strict_yaml import read_text


def test_every_key_is_read(tmp_path: Path) -> None:
    space = SearchSpace(
        {
            "rate": Float(0.001, 0.1, log=True, default=0.01),
            "depth": Int(1, 9),
            "kind": Categorical(("a", "no", True, 2, 2.5), "no"),
        }
    )
    assert load(write(tmp_path, WHOLE)) == StudyConfig(
        task=Task("toy", "curve"),
        trainable="toy",
        metric=Metric("score", "max", 0, 1),
        space=space,
        split="official",
        synthetic=True,
        seed=9,
        sampler="gp",
        model=Model("scratch", str(tmp_path / "own.safetensors"), True, 4, 15, 2),
        budget=Budget(7, 90, 2, 27, 3, 2, 60),
        resources=Resources(2, 0.25, 3, 40),
        warm_start=WarmStart(4, False),
        final=Final(5),
        tracking=Tracking("http://mlflow:5000", "mine"),
    )


def test_every_key_of_the_table_is_in_the_example_above() -> None:
    tree = read_text(WHOLE, "x.yaml")
    assert [field.key for field in FIELDS if tree.find(field.key) is None] == []


def test_what_is_not_given_has_its_default(tmp_path: Path) -> None:
    metric, space = Metric("score", "min"), SearchSpace({"x": Float(0, 1)})
    expected = StudyConfig(Task("toy", "curve"), "toy", metric, space)
    assert load(write(tmp_path, LEAST)) == expected
    assert load(write(tmp_path, LEAST + "budget:\nsampler: null\n")) == expected


def test_all_faults_are_told_at_once_with_their_places(tmp_path: Path) -> None:
    text = """version: 2
task: {dataset: toy, model: curve, trainable: toi}
metric:
  name: score
  mode: maximise
space:
  lr: {float: [1, 0.1]}
  x: {int: [1.5, 4]}
budget:
  max_epoch: 3
"""
    assert faults(tmp_path, text, "seed=-1", "sampler=no") == [
        "--set sampler: false to some readers of YAML and a text to others (no)."
        ' Write false or "no".',
        "x.yaml:10: budget.max_epoch: unknown key. Did you mean max_steps?",
        "x.yaml:1: version: this tuner reads version 1, got 2. Upgrade tuner, or write version: 1.",
        "x.yaml:5: metric.mode: max or min expected, got 'maximise'. Write e.g. min.",
        "--set seed: whole number 0 to 4294967295 expected, got -1. Write e.g. 0.",
        "x.yaml:7: space.lr.float: lower 1 is above upper 0.1. Swap them.",
        "x.yaml:8: space.x.int: two whole numbers up to 9.0072e+15 expected, got [1.5, 4]."
        " Write e.g. int: [1, 10].",
        "x.yaml:2: task.trainable: unknown trainable 'toi'. Did you mean toy?",
    ]


def test_what_is_missing_is_told_with_what_to_add(tmp_path: Path) -> None:
    assert faults(tmp_path, "seed: 1\n") == [
        "x.yaml:1: task: missing. Add: task: "
        "{dataset: wine-quality, model: xgboost, trainable: tabular}.",
        "x.yaml:1: metric: missing. Add: metric: {name: rmse, mode: min}.",
        "x.yaml:1: space: missing. Add: space: {learning_rate: {float: [0.01, 0.3], log: true}}.",
        "x.yaml:1: version: missing. Write e.g. 1.",
    ]
    assert faults(tmp_path, LEAST.replace(", mode: min", "")) == [
        "x.yaml:3: metric.mode: missing. Write e.g. min."
    ]


@pytest.mark.parametrize(
    ("text", "got"), [("[1, 2]", "a list"), ("", "nothing"), ("hello", "'hello'"), ("3", "3")]
)
def test_a_document_that_is_no_mapping_is_refused(tmp_path: Path, text: str, got: str) -> None:
    assert faults(tmp_path, text) == [
        f"x.yaml: a mapping with task, metric and space expected, got {got}."
        " Start from a copy of a built-in task."
    ]


def test_an_override_reaches_any_depth_and_the_last_one_counts(tmp_path: Path) -> None:
    overrides = [
        Override.parse(text)
        for text in (
            "space.depth.int=[3, 8]",
            "space.rate.default=0.05",
            "space.rate.default=0.02",
            "space.extra={categorical: [a, b]}",
            "budget.time=2h",
            "tracking.uri=null",
        )
    ]
    config = load(write(tmp_path, WHOLE), overrides)
    assert config.space.parameters["depth"] == Int(3, 8)
    assert config.space.parameters["rate"] == Float(0.001, 0.1, log=True, default=0.02)
    assert config.space.parameters["extra"] == Categorical(("a", "b"))
    assert config.budget == replace(load(write(tmp_path, WHOLE)).budget, time_seconds=7200)
    assert config.tracking.uri is None


def test_a_fault_inside_a_file_that_an_override_causes_names_the_override(tmp_path: Path) -> None:
    assert fault_of(tmp_path, "space.rate.default=0.5").startswith("--set space.rate.default: ")


@pytest.mark.parametrize("argument", ["lr", "=5", " =5", ""])
def test_an_override_is_key_and_value(argument: str) -> None:
    with pytest.raises(UsageError, match="KEY=VALUE expected, got"):
        Override.parse(argument)


def test_code_is_named_only_with_permission_and_where_it_can_be_found(tmp_path: Path) -> None:
    text = LEAST.replace("trainable: toy", "trainable: mine:train")
    (refused,) = faults(tmp_path, text)
    assert "'mine:train' is code that is no part of tuner" in refused
    assert "--allow-code" in refused
    (missing,) = faults(tmp_path, text, allow_code=True)
    assert f"no module 'mine'. Put mine.py into {tmp_path}" in missing
    (tmp_path / "mine.py").write_text("raise SystemExit('reading a config imports nothing')")
    config = load(write(tmp_path, text), allow_code=True)
    assert (config.trainable, config.code) == ("mine:train", str(tmp_path))


def test_a_built_in_trainable_is_asked_for_what_it_offers() -> None:
    for override, what in [
        ("task.dataset=adlut", "'adlut' is unknown here. Did you mean adult?"),
        ("task.model=xgbost", "'xgbost' is unknown here. Did you mean xgboost?"),
        ("metric.name=rsme", "'rsme' is unknown here. Did you mean rmse?"),
        ("metric.mode=max", "'max' of rmse. Write min."),
    ]:
        with pytest.raises(UsageError) as caught:
            load("adult-xgboost", [Override.parse(override)])
        assert caught.value.faults == (f"--set {override.partition('=')[0]}: {what}",)


def test_a_parameter_that_no_trial_would_heed_is_refused() -> None:
    for task, unknown, what in [
        ("digits-resnet8", "momentum", "unknown key."),
        ("ag-news-bert-tiny", "droput", "unknown key. Did you mean dropout?"),
    ]:
        with pytest.raises(UsageError) as caught:
            load(task, [Override.parse(f"space.{unknown}={{float: [0, 1]}}")])
        (fault,) = caught.value.faults
        assert fault.startswith(f"--set space.{unknown}: {what}")
    parameter = "space.colsample_bytree={float: [0.5, 1]}"
    assert "colsample_bytree" in load("adult-xgboost", [Override.parse(parameter)]).space.parameters


def test_what_no_trial_of_the_trainable_heeds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load("adult-xgboost", [Override.parse("model.init=scratch")])
    what = "no effect on this trainable, which heeds early_stopping. Remove it."
    assert caught.value.faults == (f"--set model.init: {what}",)


def test_only_what_is_given_reaches_the_trainable(tmp_path: Path) -> None:
    overrides = [Override.parse("model.init=scratch"), Override.parse("model.flip=false")]
    config = load(write(tmp_path, LEAST), overrides)
    assert config.model.given == {"init": "scratch", "flip": False}
    assert StudyConfig.from_json(config.to_json()) == config


LINES = [line for line in WHOLE.splitlines() if line]
PIECES = st.sampled_from(
    [
        *LINES,
        "x",
        "1e999",
        "- a",
        "a: {b: [",
        "&a",
        "*a",
        "!!x",
        "é",
        "\t",
        "no",
        "0" * 9,
        "{}",
        ": ",
    ]
)
KEYS = st.sampled_from(
    [*(field.key for field in FIELDS), *SECTIONS, "space.rate.float", "", "a..b"]
)
VALUES = st.one_of(st.text(max_size=12), PIECES, st.floats().map(str), st.integers().map(str))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(PIECES, max_size=16), st.lists(st.tuples(KEYS, VALUES), max_size=4))
def test_any_text_is_a_config_or_refused_with_reasons(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str], pairs: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    for text in (WHOLE, "\n".join(pieces)):
        reasons: tuple[str, ...] = ("none",)
        try:
            load(write(folder, text), [Override(*pair) for pair in pairs], allow_code=True)
        except UsageError as error:
            reasons = error.faults
        assert all(reasons)
