"""What a mistyped name may have meant."""

from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The way out of an unknown name: the most similar known one, else all of them."""
    from difflib import get_close_matches

    names = sorted(known)
    if close := get_close_matches(name, names, 1):
        return f"Did you mean {close[0]}?"
    return f"Known: {', '.join(names)}."
