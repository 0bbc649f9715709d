"""Who may import whom, which calls are forbidden, how long a file may be: read off the sources.

Each rule is a function from modules to faults. It is asked twice: about this repository, where it
must find nothing, and about a small source that breaks it, where it must not be blind.
"""

import ast
import sys
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatch
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.sources import AROUND, PACKAGES, Module, read_house

META_MAY_IMPORT = {*sys.stdlib_module_names, "numpy", "scipy", "meta"}
TRAINABLES_MUST_NOT_IMPORT = {"ray", "optuna", "mlflow", "meta", "tuner"}
DOORS = {
    "yaml": ("tuner.strict_yaml",),
    "mlflow": ("tuner.tracking.*",),
    "optuna": ("tuner.search", "meta.sampler", "meta.sampler.*", "tuner.importers.optuna_storage"),
    "ray": (
        *("tuner.cluster", "tuner.session", "tuner.trials", "tuner.finalize"),
        *("tuner.limits", "tuner.scheduler", "tuner.search", "tuner.worker"),
    ),
    "pynvml": ("tuner.nvml",),
    "sqlite3": ("tuner.journal_file", "tuner.repair", "tuner.tracking.store"),
}
FORBIDDEN_CALLS = (
    *("eval", "exec", "__import__", "os.system", "os.popen", "subprocess.get*output"),
    *("*pickle.load*", "*pickle.Unpickler", "dill.load*", "joblib.load", "marshal.load*"),
    *("shelve.open", "pandas.read_pickle", "yaml.load*", "yaml.unsafe_load*", "yaml.full_load*"),
    *("torch.hub.load", "torch.jit.load", "torch.export.load", "*Tuner.restore"),
    *("mlflow*.load_model", "*download_artifacts"),
)
FORBIDDEN_IMPORT = "ray.data"  # it unpickles what it finds in files
FORBIDDEN_ARGUMENTS = {"shell": True, "allow_pickle": True, "weights_only": False}
EMPTY_WORDS = {"util", "utils", "helper", "helpers", "common", "misc", "manager", "impl"}
LONGEST_FILE = 300
LONGEST_TEST = 400


Faults = Iterator[str]


def floor_faults(modules: Iterable[Module]) -> Faults:
    """The pillars do not know each other, and neither they nor the roof know the frame."""
    for module in modules:
        for line, target in module.imports:
            if not _on_its_floor(module, target.partition(".")[0]):
                yield f"{module.name}:{line}: {module.package}/ must not import {target}"


def _on_its_floor(module: Module, root: str) -> bool:
    match module.package:
        case "meta":
            return root in META_MAY_IMPORT or (
                root == "optuna" and module.name.startswith("meta.sampler")
            )
        case "trainables":
            return root not in {*TRAINABLES_MUST_NOT_IMPORT, *AROUND}
        case "tuner":
            return root not in AROUND
    return True


def door_faults(modules: Iterable[Module]) -> Faults:
    """Each library with a large surface is imported in one place."""
    for module in modules:
        for line, target in module.imports:
            doors = DOORS.get(target.partition(".")[0], ("*",))
            if module.package in PACKAGES and not any(fnmatch(module.name, d) for d in doors):
                yield f"{module.name}:{line}: imports {target}; only {', '.join(doors)} may"


def relative_import_faults(modules: Iterable[Module]) -> Faults:
    """Imports are absolute, so that a reader and the rules here see who is meant."""
    for module in modules:
        for line, target in module.imports:
            if target.startswith("."):
                yield f"{module.name}:{line}: relative import {target}"


def cycle_faults(modules: Iterable[Module]) -> Faults:
    """No module imports itself by a detour, not even inside a function.

    A package's face names what it offers for the type checker's sake alone and loads it lazily.
    """
    by_name = {module.name: module for module in modules}

    def known(target: str) -> str:
        while target and target not in by_name:
            target = target.rpartition(".")[0]
        return target

    graph = {}
    for name, module in by_name.items():
        unread = module.typing_lines if name in PACKAGES else set()
        targets = {known(target) for line, target in module.imports if line not in unread}
        graph[name] = targets - {name, ""}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield "circular imports: " + " <- ".join(error.args[1])


def call_faults(modules: Iterable[Module]) -> Faults:
    """Nothing runs code that came as data; tests may, their data being their own."""
    for module in [module for module in modules if module.package != "tests"]:
        for line, target in module.imports:
            if f"{target}.".startswith(f"{FORBIDDEN_IMPORT}."):
                yield f"{module.name}:{line}: imports {target}"
        for node in module.nodes:
            if isinstance(node, ast.Constant) and node.value == "trust_remote_code":
                yield f"{module.name}:{node.lineno}: trust_remote_code"
            if isinstance(node, ast.Call):
                name = module.dotted(node.func)
                if any(fnmatch(name, pattern) for pattern in FORBIDDEN_CALLS):
                    yield f"{module.name}:{node.lineno}: calls {name}"
                for fault in _argument_faults(name, node):
                    yield f"{module.name}:{node.lineno}: {name}: {fault}"


def _argument_faults(name: str, call: ast.Call) -> Faults:
    given = {argument.arg: argument.value for argument in call.keywords}
    for word, forbidden in FORBIDDEN_ARGUMENTS.items():
        if word in given and ast.unparse(given[word]) == str(forbidden):
            yield f"{word}={forbidden}"
    if "trust_remote_code" in given:
        yield "trust_remote_code"
    if name == "torch.load" and "weights_only" not in given:
        yield "weights_only=True is missing"


def length_faults(modules: Iterable[Module]) -> Faults:
    """A file that needs more has two subjects."""
    for module in modules:
        lines = module.source.count("\n")
        most = LONGEST_FILE if module.package in PACKAGES else LONGEST_TEST
        if lines > most:
            yield f"{module.name}: {lines} lines, at most {most}"


def name_faults(modules: Iterable[Module]) -> Faults:
    """Modules and classes are called by what they are."""
    for module in modules:
        classes = [node.name for node in module.nodes if isinstance(node, ast.ClassDef)]
        words = set(module.name.replace("_", ".").split("."))
        for name in [module.name] if words & EMPTY_WORDS else []:
            yield f"{name}: a module's name says what is in it"
        for name in classes:
            if name.lower().endswith(tuple(EMPTY_WORDS)):
                yield f"{module.name}: class {name}: a class's name says what it is"


Rule = Callable[[Iterable[Module]], Faults]

BREACHES: list[tuple[Rule, dict[str, str]]] = [
    (floor_faults, {"meta.prior": "import optuna"}),
    (floor_faults, {"meta.prior": "def fit():\n    from tuner.journal import Journal"}),
    (floor_faults, {"trainables.text": "from meta.study import Study"}),
    (floor_faults, {"trainables.text": "import ray.tune"}),
    (floor_faults, {"trainables.text": "import importlib\nimportlib.import_module('tuner.cli')"}),
    (floor_faults, {"tuner.cli": "from tests import conftest"}),
    (door_faults, {"tuner.config": "import yaml"}),
    (door_faults, {"tuner.report": "def draw():\n    import mlflow.tracking"}),
    (door_faults, {"tuner.resources": "from ray import tune"}),
    (door_faults, {"tuner.tracking.reader": "import sqlite3"}),
    (relative_import_faults, {"tuner.cli": "from .errors import TunerError"}),
    (cycle_faults, {"tuner.a": "import tuner.b", "tuner.b": "import tuner.a"}),
    (cycle_faults, {"tuner.a": "from tuner import b", "tuner.b": "def f():\n    import tuner.a"}),
    (cycle_faults, {"tuner": "from tuner.a import f", "tuner.a": "from tuner import version"}),
    (call_faults, {"tuner.a": "import pickle\npickle.loads(b'')"}),
    (call_faults, {"tuner.a": "from pickle import load as read\nread(file)"}),
    (call_faults, {"tuner.a": "import ray.cloudpickle as c\nc.loads(b'')"}),
    (call_faults, {"tuner.a": "import joblib\njoblib.load(path)"}),
    (call_faults, {"tuner.a": "import yaml\nyaml.load(text, Loader)"}),
    (call_faults, {"tuner.a": "eval('1')"}),
    (call_faults, {"tuner.a": "import numpy as np\nnp.load(path, allow_pickle=True)"}),
    (call_faults, {"tuner.a": "import subprocess\nsubprocess.run('ls', shell=True)"}),
    (call_faults, {"trainables.a": "import torch\ntorch.load(path)"}),
    (call_faults, {"trainables.a": "import torch\ntorch.load(path, weights_only=False)"}),
    (call_faults, {"trainables.a": "Model.from_pretrained(name, trust_remote_code=flag)"}),
    (call_faults, {"trainables.a": "options = {'trust_remote_code': True}"}),
    (call_faults, {"trainables.a": "import torch\ntorch.export.load(path)"}),
    (call_faults, {"tuner.a": "from ray import tune\ntune.Tuner.restore(path, train)"}),
    (call_faults, {"tuner.a": "from ray.tune import Tuner\nTuner.restore(path, train)"}),
    (call_faults, {"tuner.a": "def f():\n    import ray.data"}),
    (call_faults, {"tuner.a": "from ray import data"}),
    (call_faults, {"tuner.a": "import mlflow.pyfunc\nmlflow.pyfunc.load_model(uri)"}),
    (call_faults, {"tuner.a": "client.download_artifacts(run, path)"}),
    (length_faults, {"tuner.a": "x = 1\n" * 301}),
    (name_faults, {"tuner.gpu_utils": ""}),
    (name_faults, {"tuner.a": "class TrialManager: ..."}),
]

ALLOWED = {
    "meta.sampler": "import math\nimport numpy\nimport optuna\nfrom meta.space import Float",
    "meta.space": "from scipy.stats import qmc",
    "trainables.image": "import torch\nstate = torch.load(path, weights_only=True)",
    "tuner.journal_file": "import sqlite3\nfrom meta.space import Float\nfrom tuner import version",
    "tuner": "if TYPE_CHECKING:\n    from tuner.journal import Journal\nversion = '1'",
    "tuner.strict_yaml": "import yaml\nyaml.SafeLoader(text)\nimport pickle\npickle.dumps(1)",
    "tests.test_journal": "import pickle\npickle.loads(data)",
}


@pytest.fixture(scope="module")
def house() -> list[Module]:
    return read_house()


@pytest.mark.parametrize("rule", dict.fromkeys(rule for rule, _ in BREACHES))
def test_the_house_keeps_the_rule(rule: Rule, house: list[Module]) -> None:
    faults = list(rule(house))
    assert not faults, "\n".join([str(rule.__doc__), *faults])


@pytest.mark.parametrize(("rule", "sources"), BREACHES)
def test_a_breach_is_found(rule: Rule, sources: dict[str, str]) -> None:
    assert list(rule([Module(name, source) for name, source in sources.items()]))


@pytest.mark.parametrize("rule", dict.fromkeys(rule for rule, _ in BREACHES))
def test_what_is_allowed_is_no_breach(rule: Rule) -> None:
    assert not list(rule([Module(name, source) for name, source in ALLOWED.items()]))


def test_the_house_is_not_empty(house: list[Module]) -> None:
    assert {module.package for module in house} >= {*PACKAGES, "tests"}
