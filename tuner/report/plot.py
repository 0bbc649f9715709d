"""Figures as plain SVG: no script, no style of their own, letters that never shrink.

The plot area is the SVG itself. Places across it are shares of its width, so a figure fills a
phone and a wide screen alike while text, dots and strokes keep their size; places down it are
pixels. Lines lie in an inner SVG that is stretched. Axis labels stand outside the plot area, in
the padding that the style sheet gives to its box. Colours are classes of the style sheet.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from markupsafe import Markup

from tuner.report.axes import OUTLYING, Axis, axis, number
from tuner.report.markup import cut, element, joined

HEIGHT = 240
BAR_ROW = 44
"""The pixels of a row with its name above it."""
SPAN = 1000
"""The width of the stretched inner SVG in its own units."""

Point = tuple[float, float]
"""Values on the two axes of a frame."""


def percent(share: float) -> Markup:
    """A share as SVG writes a part of the width."""
    return Markup(f"{100 * share:.2f}%")


@dataclass(frozen=True)
class Frame:
    """Two axes and what is drawn between them; ``x`` and ``y`` in their axes' values."""

    x: Axis
    y: Axis
    height: int = HEIGHT

    def line(self, points: Iterable[Point], kind: str, title: str = "") -> Markup:
        """A line through ``points``."""
        path = " ".join(self._at(point) for point in points)
        return element("polyline", *_tooltip(title), points=Markup(path), class_=f"line {kind}")

    def band(self, above: Sequence[Point], below: Sequence[Point], kind: str) -> Markup:
        """The area between two lines."""
        path = " ".join(self._at(point) for point in (*above, *reversed(below)))
        return element("polygon", points=Markup(path), class_=f"band {kind}")

    def dot(self, point: Point, kind: str, title: str, shape: str = "circle") -> Markup:
        """A mark of one of the shapes that the page defines."""
        x, y = percent(self.x.place(point[0])), round(self._down(point[1]), 1)
        return element("use", *_tooltip(title), href=f"#mark-{shape}", x=x, y=y, class_=kind)

    def whisker(self, x: float, low: float, high: float, kind: str, title: str) -> Markup:
        """A vertical interval."""
        at, top, bottom = percent(self.x.place(x)), self._down(high), self._down(low)
        return element(
            "line", *_tooltip(title), x1=at, x2=at, y1=round(top, 1), y2=round(bottom, 1),
            class_=f"line {kind}",
        )  # fmt: skip

    def draw(self, lines: Iterable[Markup], marks: Iterable[Markup], label: str) -> Markup:
        """The whole figure; ``label`` says in words what a reader is to see in it."""
        stretched = element(
            "svg", *lines, viewBox=f"0 0 {SPAN} {self.height}", preserveAspectRatio="none",
            width="100%", height=self.height, class_="stretched",
        )  # fmt: skip
        return figure(self.height, label, self._grid(), stretched, *marks)

    def _grid(self) -> Markup:
        parts = [element("text", self.y.name, x=-48, y=-12, class_="name")]
        for value in self.y.ticks():
            y = round(self._down(value), 1)
            parts.append(element("line", x1=0, x2="100%", y1=y, y2=y, class_="grid"))
            parts.append(element("text", number(value), x=-6, y=y + 4, class_="end"))
        for value in self.x.ticks():
            x = percent(self.x.place(value))
            parts.append(element("text", number(value), x=x, y=self.height + 18, class_="middle"))
        name = element("text", self.x.name, x="100%", y=self.height + 36, class_="name end")
        return joined(*parts, name)

    def _down(self, value: float) -> float:
        return self.height * (1 - self.y.place(value))

    def _at(self, point: Point) -> str:
        return f"{SPAN * self.x.place(point[0]):.0f},{self._down(point[1]):.1f}"


def figure(height: int, label: str, *parts: Markup) -> Markup:
    """An SVG of the width of its box, which a screen reader takes for one image."""
    return element(
        "svg", *parts, width="100%", height=height, role="img", aria_label=label, class_="plot"
    )


def steps(points: Sequence[Point], end: float) -> list[Point]:
    """The corners of a line that keeps each value until the next, and the last until ``end``."""
    corners: list[Point] = []
    for x, y in points:
        if corners:
            corners.append((x, corners[-1][1]))
        corners.append((x, y))
    return [*corners, (end, corners[-1][1])] if corners else []


def bars(rows: Sequence[tuple[str, Sequence[tuple[str, float, str]]]], label: str) -> Markup:
    """Rows of bars, each a name and its parts: class, share of the width from the left, tooltip."""
    parts = []
    for place, (name, pieces) in enumerate(rows):
        top, left = BAR_ROW * place, 0.0
        parts.append(element("text", name, x=0, y=top + 12))
        for kind, share, title in pieces:
            parts.append(_bar(kind, left, top + 19, share, title))
            left += share
    return figure(BAR_ROW * len(rows), label, *parts)


@dataclass(frozen=True)
class Interval:
    """A value with the ends of its interval, as one row of a forest plot."""

    name: str
    value: float
    low: float | None
    high: float | None
    kind: str


def robust_span(name: str, rows: Sequence[Interval], neutral: float) -> Axis:
    """An axis for ``forest`` on which one very wide interval does not hide the others.

    It ends at most ``OUTLYING`` times the median distance from ``neutral`` beyond it, but holds
    every value; around a ``neutral`` of 1, which is that of ratios, it is on a log scale.
    """
    log = neutral == 1.0 and all(row.value > 0 for row in rows)
    turn, back = (math.log, math.exp) if log else (float, float)
    ends = [turn(end) for row in rows for end in (row.low, row.high) if end is not None]
    values = [turn(row.value) for row in rows]
    middle = turn(neutral)
    reach = OUTLYING * median(abs(at - middle) for at in (*ends, *values))
    kept = [min(max(end, middle - reach), middle + reach) for end in ends]
    found = axis(name, [*kept, *values, middle])
    return Axis(name, back(found.low), back(found.high), log)


def forest(rows: Sequence[Interval], scale: Axis, neutral: float, label: str) -> Markup:
    """Rows of intervals around a line at ``neutral``, where nothing differs.

    An arrow stands where an interval goes on beyond the axis.
    """
    height = BAR_ROW * len(rows)
    at = percent(scale.place(neutral))
    parts = []
    for place, row in enumerate(rows):
        top = BAR_ROW * place
        parts.append(element("text", row.name, x=0, y=top + 12))
        parts.append(element("line", x1=at, x2=at, y1=top + 18, y2=top + 36, class_="axis"))
        parts += _whisker(row, scale, top + 27)
    for value in scale.ticks():
        x = percent(scale.place(value))
        parts.append(element("text", number(value), x=x, y=height + 10, class_="middle"))
    return figure(height + 16, label, *parts)


def _whisker(row: Interval, scale: Axis, y: int) -> Iterator[Markup]:
    if row.low is not None and row.high is not None:
        left, right = percent(scale.place(row.low)), percent(scale.place(row.high))
        yield element("line", x1=left, x2=right, y1=y, y2=y, class_=f"line {row.kind}")
        if row.low < scale.low:
            yield element("use", href="#mark-left", x=left, y=y, class_=row.kind)
        if row.high > scale.high:
            yield element("use", href="#mark-right", x=right, y=y, class_=row.kind)
    x = percent(scale.place(row.value))
    yield element("use", *_tooltip(row.name), href="#mark-circle", x=x, y=y, class_=row.kind)


def _bar(kind: str, left: float, top: int, share: float, title: str) -> Markup:
    return element(
        "rect", *_tooltip(title), x=percent(left), y=top, width=percent(share), height=14,
        class_=f"bar {kind}",
    )  # fmt: skip


def _tooltip(title: str) -> list[Markup]:
    return [element("title", cut(title))] if title else []
