"""What ``import tuner`` offers."""

import subprocess
import sys

import pytest

import tuner


def test_every_public_name_can_be_had() -> None:
    assert sorted(tuner.MODULES) == tuner.__all__
    for name in tuner.__all__:
        assert getattr(tuner, name).__module__.startswith(tuner.MODULES[name])


def test_other_names_are_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tuner.nothing  # noqa: B018


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, tuner; print({'numpy', 'ray', 'mlflow', 'optuna'} & {*sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
