"""Where state lives (``$TUNER_HOME``) and which tracking store is in use."""

import os
import re
from pathlib import Path

from tuner.errors import UsageError

SQLITE = "sqlite:///"


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


def redact(uri: str) -> str:
    """The address without its password (``user:***@``) or token (``***@``)."""
    uri = re.sub(r"//([^:/?#@\s\"']*):[^/?#\s\"']*@", r"//\1:***@", uri)
    return re.sub(r"//[^:/?#@]+@", "//***@", uri)
