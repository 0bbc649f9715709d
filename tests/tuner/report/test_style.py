"""The colours of the page by the contrast that WCAG 2.2 asks for, in light, dark and print."""

import re
from pathlib import Path

import pytest

import tuner.report

STYLE = (Path(tuner.report.__file__).parent / "style.css").read_text()
RULES = re.findall(r"([^{}]+)\{([^{}]*)\}", STYLE)
PALETTES = dict(
    zip(
        ("light", "dark", "print"),
        (dict(re.findall(r"--(\w+): (#\w+)", body)) for name, body in RULES if ":root" in name),
        strict=True,
    )
)
TEXT = ("ink", "soft", "blue")
CROWDED = (".band", ".dense")
"""Drawn behind what can be told apart: areas around a line, and lines by the hundred."""

Colour = tuple[float, float, float]


def channels(text: str) -> Colour:
    digits = text[1:] if len(text) == 7 else "".join(2 * digit for digit in text[1:])
    red, green, blue = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def mixed(over: Colour, under: Colour, opacity: float) -> Colour:
    red, green, blue = (opacity * a + (1 - opacity) * b for a, b in zip(over, under, strict=True))
    return red, green, blue


def luminance(colour: Colour) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, other: Colour) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_black_on_white_has_the_highest_contrast() -> None:
    assert contrast(channels("#000"), channels("#ffffff")) == pytest.approx(21)


@pytest.mark.parametrize("mode", PALETTES)
def test_text_has_a_contrast_of_at_least_4_5(mode: str) -> None:
    palette = {name: channels(value) for name, value in PALETTES[mode].items()}
    for name in TEXT:
        for ground in ("paper", "shade"):
            assert contrast(palette[name], palette[ground]) >= 4.5, f"{name} on {ground}"


@pytest.mark.parametrize("mode", PALETTES)
def test_marks_and_lines_have_a_contrast_of_at_least_3(mode: str) -> None:
    palette = {name: channels(value) for name, value in PALETTES[mode].items()}
    checked = 0
    for selector, body in RULES:
        opacity = re.search(r"opacity: ([.\d]+)", body)
        colour = re.search(r"(?<![-\w])color: var\(--(\w+)\)", body)
        if any(part in selector for part in CROWDED) or not (opacity or colour):
            continue
        share = float(opacity[1]) if opacity else 1.0
        for name in [colour[1]] if colour else ("blue", "amber", "red", "green", "violet"):
            seen = mixed(palette[name], palette["paper"], share)
            assert contrast(seen, palette["paper"]) >= 3, f"{selector.strip()}: {name}"
            checked += 1
    assert checked > 15


def test_nothing_moves() -> None:
    assert not re.search(r"animation|transition|scroll-behavior", STYLE)


def test_the_place_of_the_keyboard_is_seen() -> None:
    assert re.search(r":focus-visible \{ outline: [3-9]px", STYLE)
    assert "outline: none" not in STYLE
