import sys
from pathlib import Path

import pytest

from trainables.base import DataError, DataRequest
from tuner import code
from tuner.errors import UsageError


def test_a_users_function_is_loaded_from_beside_its_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "beside_the_config.py").write_text("def fit(config, context): return 7\n")
    trainable = code.load("beside_the_config:fit", str(tmp_path))
    assert trainable.train({}, None) == 7  # type: ignore[arg-type, func-returns-value]
    assert trainable.load is None


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("import nowhere_to_be_found", r"ModuleNotFoundError: No module named 'nowhere_to"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def fit(", r"SyntaxError: '\(' was never closed"),
        ("def other(): ...", "AttributeError: module .* has no attribute 'fit'"),
    ],
)
def test_a_users_module_that_fails_is_told_with_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, what: str
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "broken_module", raising=False)
    (tmp_path / "broken_module.py").write_text(source)
    with pytest.raises(UsageError, match=f"'broken_module:fit' cannot be imported .{what}"):
        code.load("broken_module:fit", str(tmp_path))


def test_a_resumed_study_needs_the_permission_again() -> None:
    assert code.problem("toy", None, allowed=False) is None
    assert "--allow-code" in str(code.problem("json:loads", None, allowed=False))
    assert code.problem("json:loads", None, allowed=True) is None


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("return open('missing.csv').read()", "`load` fails .FileNotFoundError: .*missing.csv"),
        ("return [1, 2]", "`load` returns list, not a trainables.base.Data"),
        ("raise trainables.base.DataError('x.csv:3: no number')", "x.csv:3: no number"),
    ],
)
def test_a_users_load_that_fails_is_the_users_to_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, what: str
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "own_data", raising=False)
    source = f"import trainables.base\ndef fit(config, context): ...\ndef load(request): {body}\n"
    (tmp_path / "own_data.py").write_text(source)
    load = code.load("own_data:fit", str(tmp_path)).load
    assert load is not None
    with pytest.raises(DataError, match=what):
        load(DataRequest("x", 0))
