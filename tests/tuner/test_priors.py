"""What was learned from the past, kept for the next run and for a resume."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meta.encoding import Encoding
from meta.prior import Prior
from meta.space import Float, SearchSpace
from meta.study import Measurement, Study
from tests.meta.records import CUBE, bowls
from tuner import priors
from tuner.errors import EnvironmentFault, RunDirectoryError
from tuner.priors import CACHED, FILE, cached_prior, load_prior, save_prior

CODE = Encoding(CUBE)
PAST = bowls(3, seed=0, trials=6)
RELATED = [0.5, 0.4, 0.3]


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many studies each prior was fitted to."""
    fitted: list[int] = []
    fit = priors.fit_prior

    def counting(studies: list[Study], *others: Any) -> Prior | None:
        fitted.append(len(studies))
        return fit(studies, *others)

    monkeypatch.setattr(priors, "fit_prior", counting)
    return fitted


def learn(
    past: list[Study] = PAST, encoding: Encoding = CODE, related: list[float] = RELATED
) -> Prior:
    prior = cached_prior(past, encoding, related)
    assert prior is not None
    return prior


def same(one: Prior, other: Prior) -> bool:
    points = np.random.default_rng(0).random((5, 3))
    return bool((one.expect(points).mean == other.expect(points).mean).all())


def cache(home: Path) -> list[Path]:
    return sorted((home / "priors").iterdir())


def test_an_unchanged_past_is_not_fitted_again(fits: list[int]) -> None:
    first = learn()
    assert same(learn(), first)
    assert fits == [3]


def test_without_past_studies_nothing_is_fitted_or_kept(fits: list[int], home: Path) -> None:
    assert cached_prior([], CODE, []) is None
    assert fits == []
    assert not home.exists()


def test_a_past_that_measured_nothing_gives_no_prior(home: Path) -> None:
    assert cached_prior([PAST[0].with_trials(())], CODE, [0.5]) is None
    assert not home.exists()


def altered(**fields: Any) -> list[Study]:
    """The past after an import of the same studies, one trial of which says something else."""
    first, *others = PAST[0].trials
    return [PAST[0].with_trials((replace(first, **fields), *others)), *PAST[1:]]


WIDER = Encoding(SearchSpace({**CUBE.parameters, "x": Float(0.0, 2.0)}))


@pytest.mark.parametrize(
    "changed",
    [
        lambda: learn(PAST[:2], related=RELATED[:2]),
        lambda: learn([*PAST[:2], PAST[2].with_trials(PAST[2].trials[:5])]),
        lambda: learn(altered(measurements=(Measurement(1, 7.0, 0.0),))),
        lambda: learn(altered(config={**PAST[0].trials[0].config, "x": 0.99})),
        lambda: learn(related=[0.5, 0.4, 0.2]),
        lambda: learn(encoding=WIDER),
    ],
    ids=[
        "a study less",
        "a trial less",
        "another value",
        "another config",
        "related otherwise",
        "another space",
    ],
)
def test_a_past_that_changed_is_fitted_again(changed: Callable[[], Prior], fits: list[int]) -> None:
    first = learn()
    assert not same(changed(), first)
    assert len(fits) == 2


def test_another_version_of_the_program_fits_again(
    fits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    learn()
    monkeypatch.setattr(priors, "__version__", "next")
    learn()
    assert fits == [3, 3]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"\x93NUMPY"])
def test_a_damaged_file_is_fitted_again_and_mended(
    content: bytes, fits: list[int], home: Path
) -> None:
    first = learn()
    (kept,) = cache(home)
    kept.write_bytes(content)
    assert same(learn(), first)
    assert same(learn(), first)
    assert fits == [3, 3]


def test_any_flipped_bit_is_noticed_or_does_no_harm(fits: list[int], home: Path) -> None:
    first = learn()
    (kept,) = cache(home)
    whole = kept.read_bytes()
    flips = np.random.default_rng(0).choice(len(whole) * 8, size=60, replace=False)
    archive_flags = 8 * (whole.index(b"PK\x01\x02") + 8)  # "encrypted": a RuntimeError
    for flip in [archive_flags, *flips.tolist()]:
        damaged = bytearray(whole)
        damaged[flip // 8] ^= 1 << flip % 8
        kept.write_bytes(damaged)
        assert same(learn(), first)
    assert len(fits) > 1


def test_where_nothing_can_be_written_the_study_goes_on(fits: list[int], home: Path) -> None:
    home.write_text("a file where the folder should be")
    assert same(learn(), learn())
    assert fits == [3, 3]


def test_a_disk_that_is_full_is_no_fault_of_the_cache(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(prior: Prior, path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Prior, "save", full)
    assert learn().sources == ("past 0", "past 1", "past 2")
    with pytest.raises(EnvironmentFault, match=r"prior.npz: cannot be written .*--out"):
        save_prior(home, learn())


def test_only_the_latest_used_are_kept(fits: list[int], home: Path) -> None:
    learn()
    (first,) = cache(home)
    for number in range(CACHED - 1):
        old = first.with_name(f"{number:02}.npz")
        old.write_bytes(b"")
        os.utime(old, (number + 1, number + 1))
    os.utime(first, (0, 0))
    learn()  # and so it is the latest used
    left = first.with_name("left.npz.4711")  # by a kill
    left.write_bytes(b"")
    os.utime(left, (0.5, 0.5))
    learn(related=[0.1, 0.1, 0.1])
    names = [path.name for path in cache(home)]
    assert len(names) == CACHED
    assert first.name in names
    assert "01.npz" in names
    assert not {"00.npz", left.name} & {*names}


def test_a_run_keeps_its_prior_beside_its_journal(tmp_path: Path) -> None:
    save_prior(tmp_path, learn())
    again = load_prior(tmp_path, sources=True)
    assert again is not None
    assert same(again, learn())


def test_a_run_that_learned_from_nothing_has_no_prior(tmp_path: Path) -> None:
    save_prior(tmp_path, None)
    assert not (tmp_path / FILE).exists()
    assert load_prior(tmp_path, sources=False) is None


@pytest.mark.parametrize("content", [None, b"", b"not an archive"])
def test_a_prior_that_is_lost_is_told_with_a_way_out(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / FILE).write_bytes(content)
    with pytest.raises(RunDirectoryError, match=r"prior.npz: .*\(.*\)\. Start a new study"):
        load_prior(tmp_path, sources=True)
