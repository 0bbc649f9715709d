import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta.space import Categorical, Float, Int, SearchSpace
from meta.study import Metric, Task
from tuner import tasks
from tuner.config import Budget, Resources, StudyConfig, Tracking, WarmStart
from tuner.config_reader import Override, load
from tuner.errors import UsageError
from tuner.fields import FIELDS, SECTIONS, Field
from tuner.strict_yaml import read_text, read_value

WHOLE = """version: 1
task: {dataset: toy, model: curve, trainable: toy, split: official, synthetic: true}
metric: {name: score, mode: max, low: 0, high: 1}
space:
  rate: {float: [1e-3, 0.1], log: true, default: 0.01}
  depth: {int: [1, 9]}
  kind: {categorical: [a, "no", true, 2, 2.5], default: "no"}
budget: {trials: 7, time: 90s, gpu_hours: 2, max_steps: 27, grace_steps: 3, reduction_factor: 2}
resources: {cpu: 2, gpu: 0.25, concurrency: 3}
warm_start: {points: 4}
tracking: {uri: "http://mlflow:5000", experiment: mine}
sampler: gp
seed: 9
"""
LEAST = """version: 1
task: {dataset: toy, model: curve, trainable: toy}
metric: {name: score, mode: min}
space: {x: {float: [0, 1]}}
"""


def write(folder: Path, text: str) -> str:
    path = folder / "x.yaml"
    path.write_text(text)
    return str(path)


def faults(folder: Path, text: str, *overrides: str, allow_code: bool = False) -> list[str]:
    """The faults of a configuration, with the name of its file cut short."""
    source = write(folder, text)
    with pytest.raises(UsageError) as caught:
        load(source, [Override.parse(override) for override in overrides], allow_code)
    return [fault.replace(source, "x.yaml") for fault in caught.value.faults]


def fault_of(folder: Path, override: str) -> str:
    """The only fault of a right configuration with one key set wrongly."""
    (fault,) = faults(folder, WHOLE, override)
    return fault


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
        budget=Budget(7, 90, 2, 27, 3, 2),
        resources=Resources(2, 0.25, 3),
        warm_start=WarmStart(4),
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


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.key)
def test_the_example_of_a_key_is_accepted(field: Field) -> None:
    field.read(read_value(field.example, "", field.key).plain())


@pytest.mark.parametrize("name", SECTIONS)
def test_the_example_of_a_section_has_known_keys(name: str) -> None:
    example = read_value(SECTIONS[name].example, "", name).plain()
    known = {field.name for field in FIELDS if field.section == name}
    assert name == "space" or set(example) <= known


def test_a_config_survives_json_and_keeps_its_fingerprint(tmp_path: Path) -> None:
    for text in (WHOLE, LEAST):
        config = load(write(tmp_path, text))
        again = StudyConfig.from_json(json.loads(json.dumps(config.to_json(), allow_nan=False)))
        assert again == config
        assert again.fingerprint == config.fingerprint


def test_configs_that_differ_have_different_fingerprints(tmp_path: Path) -> None:
    config = load(write(tmp_path, WHOLE))
    assert replace(config, seed=1).fingerprint != config.fingerprint
    assert replace(config, budget=Budget()).fingerprint != config.fingerprint


@pytest.mark.parametrize("id", tasks.built_in())
def test_a_built_in_task_has_the_id_of_its_file(id: str) -> None:
    assert load(id).task.id == id


def test_the_tree_tasks_search_the_published_space() -> None:
    space = {
        "learning_rate": Float(0.01, 0.3, log=True, default=0.1),
        "max_depth": Int(3, 10, default=6),
        "n_estimators": Int(100, 1000, default=300),
        "subsample": Float(0.5, 1.0, default=1.0),
    }
    trials = {"adult": 50, "wine-quality": 50, "breast-cancer": 50, "diabetes": 30}
    for dataset, count in trials.items():
        for model in ("xgboost", "lightgbm"):
            config = load(f"{dataset}-{model}")
            assert config.space.parameters == space
            assert config.budget.trials == count
            assert (config.metric.name, config.metric.mode) == ("rmse", "min")


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


@pytest.mark.parametrize(
    ("override", "what"),
    [
        ("budget.trials=0", "whole number 1 to 100000 expected, got 0"),
        ("budget.trials=1e9", "whole number 1 to 100000 expected, got 1000000000.0"),
        ("budget.trials=true", "whole number 1 to 100000 expected, got True"),
        ("budget.trials=.inf", "whole number 1 to 100000 expected, got inf"),
        ("budget.time=30", "duration with its unit (s, m or h) expected, got 30. Write e.g. 30m"),
        ("budget.time=0m", "duration with its unit (s, m or h) expected, got '0m'"),
        ("budget.time=-5m", "duration with its unit (s, m or h) expected, got '-5m'"),
        ("budget.gpu_hours=169", "number 0 to 168 expected, got 169"),
        ("budget.gpu_hours=.nan", "number 0 to 168 expected, got nan"),
        ("budget.grace_steps=28", "grace_steps 28 exceeds max_steps 27"),
        ("budget.reduction_factor=1", "whole number 2 to 100 expected, got 1"),
        ("resources.gpu=1.5", "auto, 0, a fraction from 0.01 to 1, or a whole number expected"),
        ("resources.gpu=-1", "auto, 0, a fraction from 0.01 to 1, or a whole number expected"),
        ("resources.gpu=0.00001", "auto, 0, a fraction from 0.01 to 1, or a whole number expected"),
        ("resources.cpu=0", "number 0.1 to 1024 expected, got 0"),
        ("resources.concurrency=0", "whole number 1 to 10000 expected, got 0"),
        ("warm_start.points=101", "whole number 0 to 100 expected, got 101"),
        ("metric.low=1", "low 1 is not below high 1"),
        ("metric.high=.nan", "finite number expected, got nan"),
        ("metric.name=a b", "name of letters, digits, dots and dashes expected, got 'a b'"),
        ("task.dataset=../../x", "name of letters, digits, dots and dashes expected"),
        ("task.split=half", "random or official expected, got 'half'"),
        ("task.synthetic=1", "true or false expected, got 1"),
        ("task.trainable=os.system", "unknown trainable 'os.system'. Known: tabular, toy"),
        ("task.trainable=toy:train", "'toy:train' is code that is no part of tuner"),
        ("tracking.uri=ftp://x", "sqlite, http or https expected, got 'ftp://x'"),
        ("tracking.experiment=''", "line of text expected, got ''"),
        ("sampler=bayes", "tpe, gp or random expected, got 'bayes'"),
        ("seed=4294967296", "whole number 0 to 4294967295 expected, got 4294967296"),
        ("budget=5", "mapping expected, got 5. Write budget: {trials: 50}"),
        ("budget.trails=5", "unknown key. Did you mean trials?"),
        ("bugdet.trials=5", "unknown key. Did you mean budget?"),
        ("colour=red", "unknown key. Known: budget, metric, resources"),
    ],
)
def test_a_wrong_value_is_told_with_its_key_and_rule(
    tmp_path: Path, override: str, what: str
) -> None:
    key = override.partition("=")[0]
    place = "--set bugdet: " if key == "bugdet.trials" else f"--set {key}: "
    assert fault_of(tmp_path, override).startswith(place + what)


@pytest.mark.parametrize(
    ("parameter", "what"),
    [
        ("5", ": mapping expected, got 5. Write e.g. lr: {float: [0.01, 0.3]}"),
        ("{log: true}", ": one of float, int, categorical expected, got none"),
        (
            "{float: [0, 1], int: [0, 1]}",
            ": one of float, int, categorical expected, got float and",
        ),
        ("{flaot: [0, 1]}", ".flaot: unknown key. Did you mean float?"),
        ("{float: 3}", ".float: two finite numbers up to 1e+100 expected, got 3"),
        ("{float: [1]}", ".float: two finite numbers up to 1e+100 expected, got [1]"),
        ("{float: [0, .inf]}", ".float: two finite numbers up to 1e+100 expected, got [0, inf]"),
        ("{float: [-1e308, 1e308]}", ".float: two finite numbers up to 1e+100 expected"),
        ("{float: [a, b]}", ".float: two finite numbers"),
        ("{float: [false, true]}", ".float: two finite numbers"),
        ("{float: [1, 0.1]}", ".float: lower 1 is above upper 0.1. Swap them"),
        ("{float: [1, 1]}", ".float: lower and upper are both 1. Widen the range"),
        ("{int: [1.5, 4]}", ".int: two whole numbers"),
        ("{int: [1, 1e18]}", ".int: two whole numbers"),
        (
            "{float: [0, 1], log: true}",
            ": log scale needs a lower bound above 0, got 0. Write e.g. float: [1.0e-4, 0.5]",
        ),
        (
            "{int: [0, 9], log: true}",
            ": log scale needs a lower bound above 0, got 0. Write e.g. int",
        ),
        ("{float: [1, 2], log: 1}", ".log: true or false expected, got 1"),
        ("{float: [0.001, 0.5], default: 0.7}", ".default: default 0.7 is outside [0.001, 0.5]"),
        ("{int: [1, 5], default: 2.5}", ".default: default whole number expected, got 2.5"),
        ("{categorical: []}", ".categorical: at least 2 different choices expected, got []"),
        ("{categorical: [a]}", ".categorical: at least 2 different choices"),
        ("{categorical: [a, a]}", ".categorical: at least 2 different choices"),
        ("{categorical: [1, '1']}", ".categorical: at least 2 different choices"),
        ("{categorical: [a, null]}", ".categorical: at least 2 different choices"),
        ("{categorical: [a, [b]]}", ".categorical: at least 2 different choices"),
        ("{categorical: [a, .nan]}", ".categorical: at least 2 different choices"),
        ("{categorical: [a, b], default: c}", ".default: default 'c' is not one of a, b"),
        ("{categorical: [a, b], log: true}", ".log: choices have no scale (log)"),
    ],
)
def test_a_wrong_parameter_is_told_with_its_rule(tmp_path: Path, parameter: str, what: str) -> None:
    assert fault_of(tmp_path, f"space.lr={parameter}").startswith(f"--set space.lr{what}")


def test_choices_that_yaml_versions_read_differently_must_be_quoted(tmp_path: Path) -> None:
    assert len(faults(tmp_path, WHOLE, "space.kind.categorical=[no, yes]")) == 2


@pytest.mark.parametrize("name", ["seed", "__class__", "a/b", "a b", "x" * 65, "1st", "é"])
def test_a_parameter_needs_a_plain_name(tmp_path: Path, name: str) -> None:
    (fault,) = faults(tmp_path, LEAST.replace("{x:", f"{{x: {{float: [0, 1]}}, {name}:"))
    assert "a parameter is named by up to 64 letters, digits and _" in fault
    assert fault.endswith("Rename it.")


def test_a_space_has_one_to_64_parameters(tmp_path: Path) -> None:
    assert "1 to 64 parameters expected, got 0" in fault_of(tmp_path, "space={}")
    many = ", ".join(f"p{n}: {{int: [0, 1]}}" for n in range(65))
    assert "1 to 64 parameters expected, got 65" in fault_of(tmp_path, f"space={{{many}}}")


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


def test_a_task_that_is_not_there_is_told_with_the_nearest(tmp_path: Path) -> None:
    path = write(tmp_path, LEAST)
    with pytest.raises(UsageError, match=r"unknown task 'adult-xgbost'\. Did you mean adult-xgb"):
        load("adult-xgbost")
    with pytest.raises(UsageError, match=rf"no such file .* Did you mean {path}\?"):
        load(str(tmp_path / "y.yaml"))


def test_patterns_stand_for_the_built_in_tasks() -> None:
    wine = ["wine-quality-lightgbm", "wine-quality-xgboost"]
    assert tasks.expand(["wine-quality-*", "a/b.yaml", wine[1]]) == [*wine, "a/b.yaml"]
    with pytest.raises(UsageError, match=r"'cifar\*' matches no built-in task\. Known: adult-"):
        tasks.expand(["cifar*"])


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
