"""Fitted priors on disk: a cache for all runs, and one in each run's directory to resume with."""

import hashlib
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

from meta.encoding import Encoding
from meta.prior import Prior, fit_prior
from meta.study import Study
from tuner import __version__
from tuner.errors import RunDirectoryError
from tuner.home import home

FILE = "prior.npz"
CACHED = 20
"""So many priors are kept, the latest used."""
DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile)


def cached_prior(
    studies: Sequence[Study], encoding: Encoding, related: Sequence[float]
) -> Prior | None:
    """The prior that ``studies`` give, from the last time if nothing has changed since."""
    if not studies:
        return None
    path = home() / "priors" / f"{_key(studies, encoding, related)}.npz"
    try:
        prior: Prior | None = Prior.load(path)
        path.touch()
    except DAMAGE:
        prior = fit_prior(studies, encoding, related)
        if prior is not None:
            _cache(prior, path)
    return prior


def _key(studies: Sequence[Study], encoding: Encoding, related: Sequence[float]) -> str:
    """Differs when a study was added, has more trials or is related otherwise."""
    past = [
        (study.id, len(study.trials), round(kin, 6))
        for study, kin in zip(studies, related, strict=True)
    ]
    text = json.dumps([__version__, encoding.space.to_json(), past])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _cache(prior: Prior, path: Path) -> None:
    """Keep a prior and drop the oldest; where that cannot be, the next run fits it again."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        prior.save(path)
        by_age = sorted(path.parent.glob("*.npz"), key=lambda file: file.stat().st_mtime)
        for old in by_age[:-CACHED]:
            old.unlink(missing_ok=True)
    except OSError:
        path.unlink(missing_ok=True)


def save_prior(directory: Path, prior: Prior | None) -> None:
    """Keep the prior of a run, if it has one, beside its journal."""
    if prior is not None:
        prior.save(directory / FILE)


def load_prior(directory: Path, sources: bool) -> Prior | None:
    """The prior of a run; raises ``RunDirectoryError`` if there should be one and is not."""
    if not sources:
        return None
    try:
        return Prior.load(directory / FILE)
    except DAMAGE as error:
        raise RunDirectoryError(
            f"{directory / FILE}: what was learned from the past cannot be read ({error}). Start a"
            " new study; this one's trials are part of its past."
        ) from None
