"""What earlier versions wrote otherwise into a journal, brought into the words of this one.

Nobody else asks for a difference. ``tests/formats`` holds such journals.
"""

import re
from typing import Any


def header(found: dict[str, Any]) -> dict[str, Any]:
    """What is kept beside a study: it had one final fit, and no folder, sources or reasons."""
    config, past = found.get("config", {}), found.get("past", {})
    refused = past.get("refused")  # a number, before there were reasons
    return {
        "folder": "",
        **found,
        "config": {"final": {"seeds": 1}, **config},
        "past": {"sources": [], **past, "refused": refused if isinstance(refused, dict) else {}},
    }


def event(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    """The fields of an event: how far the past was trusted stood in a trial's origin alone."""
    if kind == "started" and "trust" not in body:
        return {**body, "trust": _trust(body["origin"])}
    return body


def _trust(origin: str) -> float | None:
    if origin.endswith(", without the past"):
        return 0.0
    found = re.search(r", past (\d+)%$", origin)
    return int(found[1]) / 100 if found else None
