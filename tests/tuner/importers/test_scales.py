import pytest

from tuner.errors import UsageError
from tuner.importers.scales import read_scale


@pytest.mark.parametrize(
    ("word", "theirs", "ours"),
    [
        ("log10", -2, 0.01),
        ("log2", "5", 32.0),
        ("log", 0.0, 1.0),
        ("percent", "12.5 ", 0.125),
        ("inverse", 4, 0.25),
        ("complement", 0.25, 0.75),
        ("negative", 3, -3),
        ("0.001", 5, 0.005),
        ("-2", 5, -10),
        ("1e3", 2, 2000),
    ],
)
def test_a_value_is_brought_into_our_units(word: str, theirs: object, ours: float) -> None:
    assert read_scale(word, "--map x").convert(theirs) == pytest.approx(ours)


@pytest.mark.parametrize("word", ["inverse", "complement", "negative", "-1"])
def test_some_scales_turn_what_is_better(word: str) -> None:
    assert read_scale(word, "--metric").turns


@pytest.mark.parametrize("word", ["log10", "percent", "2"])
def test_others_do_not(word: str) -> None:
    assert not read_scale(word, "--metric").turns


@pytest.mark.parametrize(
    ("word", "value", "why"),
    [
        ("log10", "a", "number expected for log10, got 'a'"),
        ("log10", True, "number expected for log10, got 'True'"),
        ("log10", 400, "400 has no log10"),
        ("log", "1e9", "'1e9' has no log"),
        ("inverse", 0, "0 has no inverse"),
    ],
)
def test_a_value_that_has_no_place_on_the_scale_is_told(word: str, value: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_scale(word, "--map x").convert(value)


@pytest.mark.parametrize("word", ["", "log3", "0", "nan", "inf", "__import__('os')"])
def test_an_unknown_scale_is_told_with_the_known(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_scale(word, "--map x")
    assert str(caught.value).startswith(f"--map x: unknown scale {word!r}. ")
    assert "factor" in str(caught.value)
