"""A file of arrays in the cache: there whole or not at all, and never worth an error."""

import logging
import zipfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray


def read(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]] | None:
    """The arrays of these names; None if the file is missing or damaged, by its checksums."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def write(path: Path, **arrays: NDArray[Any]) -> None:
    """Write beside the final place, then rename; a full disk costs the cache alone."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=path.parent, prefix="new-") as scratch:
            whole = Path(scratch) / path.name
            np.savez(whole, **arrays)  # type: ignore[arg-type]
            whole.replace(path)
    except OSError as error:
        logging.warning("%s not kept in the cache: %s", path.name, error)
