"""What a user installs: the pins, the declared dependencies, the wheel."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.sources import PACKAGES, ROOT, read_house

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DEPENDENCIES = [Requirement(line) for line in PROJECT["dependencies"]]
DEVELOPMENT = [Requirement(line) for line in PROJECT["optional-dependencies"]["dev"]]
LOCK = (ROOT / "constraints.txt").read_text()
PINS = [line.removesuffix(" \\") for line in LOCK.splitlines() if line[0] not in "# "]


def test_a_pin_is_a_name_and_a_version_without_address_or_path() -> None:
    pin = re.compile(r"[a-z0-9.-]+==[a-z0-9.]+( ; [\w\s.'<>=!()]+)?")
    assert len(PINS) > len(DEPENDENCIES)
    assert not [line for line in PINS if not pin.fullmatch(line)]


def test_every_pin_has_the_hashes_of_its_files_and_whatever_installs_checks_them() -> None:
    entries = re.split(r"(?m)^(?=[a-z])", LOCK)[1:]
    one = r" \\\n    --hash=sha256:[0-9a-f]{64}"
    assert not [entry for entry in entries if not re.fullmatch(rf".+?({one})+\n", entry)]
    makefile, dockerfile = (ROOT / "Makefile").read_text(), (ROOT / "docker/Dockerfile").read_text()
    assert "--generate-hashes" in makefile
    bootstrap = r"/^uv==/,/[^\\]$/p"
    assert bootstrap in dockerfile
    assert bootstrap.replace("$", "$$") in makefile
    (exception,) = re.findall(r".*--no-verify-hashes.*", makefile + dockerfile)
    assert exception.startswith("\t-c constraints.txt $(if $(TORCH),")


@pytest.mark.parametrize("platform", ["linux", "darwin"])
@pytest.mark.parametrize("python", ["3.11", "3.12"])
def test_every_dependency_is_pinned_once_within_its_bounds(python: str, platform: str) -> None:
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": platform,
    }
    pins: dict[str, list[str]] = {}
    for pin in map(Requirement, PINS):
        if pin.marker is None or pin.marker.evaluate(environment):
            pins.setdefault(pin.name, []).extend(part.version for part in pin.specifier)
    for needed in (*DEPENDENCIES, *DEVELOPMENT):
        (version,) = pins[canonicalize_name(needed.name)]
        assert version in needed.specifier, f"{needed} is pinned to {version}; run `make lock`"


@pytest.mark.parametrize(
    ("library", "weak"), [("ray", "2.59"), ("mlflow", "3.17.1"), ("torch", "2.9.1")]
)
def test_no_version_with_a_weakness_that_the_program_relies_on_not_to_be_is_admitted(
    library: str, weak: str
) -> None:
    (needed,) = [needed for needed in DEPENDENCIES if needed.name == library]
    assert weak not in needed.specifier


def test_every_imported_library_is_declared() -> None:
    declared = {canonicalize_name(needed.name) for needed in DEPENDENCIES}
    provided_by = packages_distributions()
    for module in read_house():
        for _, target in module.imports if module.package in PACKAGES else []:
            root = target.partition(".")[0]
            if root not in {*sys.stdlib_module_names, *PACKAGES}:
                providers = {canonicalize_name(name) for name in provided_by.get(root, [])}
                assert providers & declared, f"{module.name} imports {root}"


@pytest.mark.slow
def test_torchvision_fits_the_installed_torch() -> None:
    code = "import torch, torchvision; torchvision.ops.nms(torch.eye(4), torch.ones(4), 0.5)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_the_wheel_holds_the_program_and_its_tasks(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    (entry_points,) = tmp_path.glob("site/*.dist-info/entry_points.txt")
    assert "tuner = tuner.cli:main" in entry_points.read_text()
    assert (tmp_path / "site" / "tuner" / "starter.parquet").is_file()
    tasks = subprocess.run(
        [sys.executable, "-P", "-m", "tuner", "tasks"],
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    built_in = {path.stem for path in (ROOT / "configs").glob("*.yaml")}
    assert built_in
    assert built_in <= set(tasks.split())
