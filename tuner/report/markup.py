"""Markup in which nothing from outside is markup: every text goes through ``shown``."""

from markupsafe import Markup, escape

from tuner.terminal import MAX_CELL_CHARACTERS, brief, printable


def shown(value: object) -> Markup:
    """A value as escaped text: numbers brief, control characters visible, passwords hidden.

    Names, parameters and reasons come from a tracking server that others write to as well.
    """
    if isinstance(value, Markup):
        return value
    if value is None:
        return Markup("&ndash;")
    text = brief(value)
    if len(text) > MAX_CELL_CHARACTERS:
        text = f"{text[:MAX_CELL_CHARACTERS]}…"
    return escape(printable(text))


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
