"""What a page is made of: sections with figures, the tables behind them, and what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

Cells = Sequence[object]


@dataclass(frozen=True)
class Table:
    """Rows under a heading; ``folded`` ones are opened by the reader."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Cells]
    folded: bool = False


@dataclass(frozen=True)
class Figure:
    """A drawing with its caption; ``keys`` explain its colours: class, shape, word."""

    caption: str
    drawing: Markup
    keys: Sequence[tuple[str, str, str]] = ()
    kind: str = "framed"


@dataclass(frozen=True)
class Section:
    """One subject of a page.

    ``notes`` are paragraphs, ``commands`` what to type, ``missing`` what cannot be shown, and why.
    """

    key: str
    title: str
    notes: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    commands: Sequence[str] = ()
    missing: Sequence[str] = ()
