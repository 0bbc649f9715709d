from pathlib import Path

import pytest

from tests.tuner.configs import fault_of
from tuner.fields import FIELDS, SECTIONS, Field
from tuner.strict_yaml import read_value


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.key)
def test_the_example_of_a_key_is_accepted(field: Field) -> None:
    field.read(read_value(field.example, "", field.key).plain())


@pytest.mark.parametrize("name", SECTIONS)
def test_the_example_of_a_section_has_known_keys(name: str) -> None:
    example = read_value(SECTIONS[name].example, "", name).plain()
    known = {field.name for field in FIELDS if field.section == name}
    assert name == "space" or set(example) <= known


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
        ("budget.gpu_hours=169", "number 0.001 to 168 expected, got 169"),
        ("budget.gpu_hours=0", "number 0.001 to 168 expected, got 0"),
        ("budget.gpu_hours=.nan", "number 0.001 to 168 expected, got nan"),
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
        (
            "task.trainable=os.system",
            "unknown trainable 'os.system'. Known: image, tabular, text, toy",
        ),
        ("task.trainable=toy:train", "'toy:train' is code that is no part of tuner"),
        ("tracking.uri=ftp://x", "sqlite, http or https expected, got 'ftp://x'"),
        ("tracking.experiment=''", "line of text expected, got ''"),
        ("sampler=bayes", "meta-gp, meta-tpe, tpe, gp or random expected, got 'bayes'"),
        ("seed=4294967296", "whole number 0 to 4294967295 expected, got 4294967296"),
        ("budget=5", "mapping expected, got 5. Write budget: {trials: 50}"),
        ("budget.trails=5", "unknown key. Did you mean trials?"),
        ("bugdet.trials=5", "unknown key. Did you mean budget?"),
        ("colour=red", "unknown key. Known: budget, final, metric, model"),
    ],
)
def test_a_wrong_value_is_told_with_its_key_and_rule(
    tmp_path: Path, override: str, what: str
) -> None:
    key = override.partition("=")[0]
    place = "--set bugdet: " if key == "bugdet.trials" else f"--set {key}: "
    assert fault_of(tmp_path, override).startswith(place + what)
