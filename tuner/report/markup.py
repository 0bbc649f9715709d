"""Markup in which nothing from outside is markup: every text goes through ``shown``."""

from functools import lru_cache

from markupsafe import Markup, escape

from tuner.terminal import MAX_CELL_CHARACTERS, brief, printable

MAX_TEXT_CHARACTERS = 5000
"""A paragraph or a command of this length is still shown whole."""


def shown(value: object) -> Markup:
    """A value as escaped text: numbers brief, control characters visible, passwords hidden.

    Names, parameters and reasons come from a tracking server that others write to as well.
    """
    if isinstance(value, Markup):
        return value
    if value is None:
        return Markup("&ndash;")
    if isinstance(value, int | float):
        return Markup(brief(value))
    return _text(str(value))


@lru_cache(maxsize=4096)
def _text(text: str) -> Markup:
    """Kept, because a page says the same a thousand times and a search for secrets takes long."""
    return escape(printable(_shortened(text, MAX_TEXT_CHARACTERS)))


def cut(value: object) -> object:
    """A text as a cell or a tooltip has room for; other values as they are."""
    return _shortened(value, MAX_CELL_CHARACTERS) if isinstance(value, str) else value


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """An element; an underscore in an attribute's name is a hyphen, one at its end is dropped."""
    words = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{shown(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    inner = "".join(shown(child) for child in children)
    return Markup(f"<{tag}{words}>{inner}</{tag}>")


def joined(*parts: Markup) -> Markup:
    """The parts one after the other."""
    return Markup("").join(parts)
