"""Fitted priors on disk: a cache for all runs, and one in each run's directory to resume with."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from meta.encoding import Encoding
from meta.prior import Prior, fit_prior
from meta.study import Study
from tuner import __version__
from tuner.errors import EnvironmentFault, RunDirectoryError
from tuner.home import home

FILE = "prior.npz"
CACHED = 20
"""So many priors are kept, the latest used."""
DAMAGE = (OSError, ValueError, RuntimeError)
"""What reading a file raises: a flipped bit may ask for a password or an unknown compression."""


def cached_prior(
    studies: Sequence[Study], encoding: Encoding, related: Sequence[float]
) -> Prior | None:
    """The prior that ``studies`` give, from the last time if nothing has changed since."""
    if not studies:
        return None
    path = home() / "priors" / f"{_key(studies, encoding, related)}.npz"
    prior: Prior | None
    try:
        prior = Prior.load(path)
    except DAMAGE:
        prior = fit_prior(studies, encoding, related)
        if prior is not None:
            _cache(prior, path)
    else:
        with suppress(OSError):
            path.touch()
    return prior


def _key(studies: Sequence[Study], encoding: Encoding, related: Sequence[float]) -> str:
    """Differs when a study was added, holds something else or is related otherwise."""
    past = [(study.to_json(), round(kin, 6)) for study, kin in zip(studies, related, strict=True)]
    text = json.dumps([__version__, encoding.space.to_json(), past])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _cache(prior: Prior, path: Path) -> None:
    """Keep a prior and drop the oldest; where that cannot be, the next run fits it again."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        prior.save(path)
        by_age = sorted(path.parent.iterdir(), key=lambda file: file.stat().st_mtime)
        for old in by_age[:-CACHED]:
            old.unlink(missing_ok=True)


def save_prior(directory: Path, prior: Prior | None) -> None:
    """Keep the prior of a run, if it has one; raises ``EnvironmentFault`` if that cannot be."""
    if prior is None:
        return
    try:
        prior.save(directory / FILE)
    except OSError as error:
        raise EnvironmentFault(
            f"{directory / FILE}: cannot be written ({error}). Free space or give another --out."
        ) from None


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
