from pathlib import Path

import pytest

from tuner.errors import UsageError
from tuner.home import default_tracking_uri, home, redact, tracking_uri


def test_state_lives_in_the_named_folder_else_under_the_users_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUNER_HOME", "state")
    assert home() == tmp_path / "state"
    monkeypatch.setenv("TUNER_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home() == tmp_path / ".warmtune"


def test_the_store_is_the_environments_else_a_file_in_the_home(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    assert default_tracking_uri() == f"sqlite:///{home}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    assert default_tracking_uri() == "http://mlflow:5000"


def test_a_wrong_store_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "./mlruns")
    with pytest.raises(UsageError, match=r"MLFLOW_TRACKING_URI: .*'\./mlruns'.*Use sqlite:///"):
        default_tracking_uri()


def test_a_relative_store_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert tracking_uri("sqlite:///a/b.db") == f"sqlite:///{tmp_path}/a/b.db"
    assert tracking_uri("sqlite:////a/b.db") == "sqlite:////a/b.db"


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("./mlruns", "no file stores"),
        ("file:///mlruns", "no file stores"),
        ("", "no file stores"),
        ("ftp://x", "sqlite, http or https expected, got 'ftp://x'"),
        ("javascript:alert(1)", "sqlite, http or https expected"),
        ("databricks://profile", "sqlite, http or https expected"),
        ("http://x\n", "sqlite, http or https expected"),
        ("http://", "no host in 'http://'"),
        ("https:///path", "no host"),
        ("http://user:secret@", "no host"),
        ("sqlite://", "no file in 'sqlite://'"),
        ("sqlite:///", "no file in"),
        ("sqlite:x.db", "no file in"),
    ],
)
def test_other_stores_are_refused_without_telling_a_password(uri: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r"(Use|Write e\.g\.) ") as caught:
        tracking_uri(uri)
    assert problem in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("uri", ["http://[::1]:5000", "https://user:p%40ss@host/path"])
def test_an_address_of_a_server_is_kept_as_it_is(uri: str) -> None:
    assert tracking_uri(uri) == uri


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://user:secret@host:5000/a", "http://user:***@host:5000/a"),
        ("https://user:a@b@host", "https://user:***@host"),
        ("https://token@host", "https://***@host"),
        ("http://host:5000/a@b", "http://host:5000/a@b"),
        ("sqlite:////a/b@c:d@e.db", "sqlite:////a/b@c:d@e.db"),
        ("see http://u:p@a and http://v:q@b", "see http://u:***@a and http://v:***@b"),
    ],
)
def test_passwords_and_tokens_are_hidden(uri: str, shown: str) -> None:
    assert redact(uri) == shown
