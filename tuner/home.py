"""Where state lives (``$TUNER_HOME``) and which tracking store is in use."""

import os
import re
from pathlib import Path
from typing import Any

from tuner.errors import UsageError

SQLITE = "sqlite:///"
SHORTEST_SECRET = 8
"""A value of fewer characters is hidden in no text: it would be found in ordinary words."""
_SECRET = "(?:TOKEN|KEY|SECRET|PASSWORD)"
SECRET_NAME = re.compile(rf"{_SECRET}(?!.*(?:PATH|FILE|DIR|MODE)$)")
SHELL_VARIABLE = re.compile(rf"\b([A-Z0-9_]*{_SECRET}[A-Z0-9_]*=)(?!VALUE\b)[^\s\"'&]+")
QUERY_FIELD = re.compile(rf"(?i:([?&][\w-]*{_SECRET}[\w-]*=)[^\s\"'&#]+)")


def home() -> Path:
    """The folder of runs, caches and the default store; absolute, it may not exist yet."""
    return Path(os.environ.get("TUNER_HOME") or "~/.warmtune").expanduser().absolute()


def default_tracking_uri() -> str:
    """``MLFLOW_TRACKING_URI`` if it is set, else the SQLite store in ``home``.

    Raises ``UsageError`` if the variable names no store that can be used.
    """
    given = os.environ.get("MLFLOW_TRACKING_URI")
    try:
        return tracking_uri(given) if given else f"{SQLITE}{home() / 'mlflow.db'}"
    except ValueError as error:
        raise UsageError(f"MLFLOW_TRACKING_URI: {error}") from None


def tracking_uri(text: str) -> str:
    """The address of an MLflow store, a SQLite path made absolute.

    Raises ``ValueError`` for anything but ``sqlite``, ``http`` and ``https``.
    """
    shown = redact(text)
    scheme, colon, _ = text.partition(":")
    if not colon or scheme == "file":
        raise ValueError(
            f"MLflow reads no file stores any more (got {shown!r})."
            " Use sqlite:///mlflow.db; `mlflow migrate-filestore` carries the runs over."
        )
    if scheme not in {"sqlite", "http", "https"} or not text.isprintable():
        raise ValueError(
            f"sqlite, http or https expected, got {shown!r}. Write e.g. sqlite:///mlflow.db."
        )
    if scheme != "sqlite":
        if not re.match(r"https?://([^/?#]*@)?+[^/?#@:]", text):
            raise ValueError(f"no host in {shown!r}. Write e.g. http://localhost:5000.")
        return text
    if not text.startswith(SQLITE) or text == SQLITE:
        raise ValueError(f"no file in {shown!r}. Write e.g. sqlite:///mlflow.db.")
    return f"{SQLITE}{Path(text.removeprefix(SQLITE)).absolute()}"


def with_password(uri: str) -> str:
    """The address of a store as it was given, of one that ``redact`` has gone over.

    Only the environment still has the password: raises ``UsageError`` if it has not.
    """
    if "***@" not in uri:
        return uri
    given = os.environ.get("MLFLOW_TRACKING_URI", "")
    if redact(given) != uri:
        raise UsageError(
            f"{uri}: the password of the MLflow server is kept nowhere. Set MLFLOW_TRACKING_URI to"
            " the address with it."
        )
    return given


def redact(text: str) -> str:
    """The text without what nobody else may read.

    That is the passwords (``user:***@``) and tokens (``***@``) of addresses, the values of query
    fields and shell variables with a secret's name, and the values that such variables have here.
    """
    text = re.sub(r"//([^:/?#@\s\"']*):[^/?#\s\"']*@", r"//\1:***@", text)
    text = re.sub(r"//[^:/?#@\s\"']+@", "//***@", text)
    text = QUERY_FIELD.sub(r"\1***", SHELL_VARIABLE.sub(r"\1***", text))
    for name, value in os.environ.items():
        if SECRET_NAME.search(name) and len(value) >= SHORTEST_SECRET:
            text = text.replace(value, "***")
    return text


def redacted(value: Any) -> Any:
    """The same of every text in what is to become JSON."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: redacted(inner) for key, inner in value.items()}
    return [redacted(inner) for inner in value] if isinstance(value, list | tuple) else value
