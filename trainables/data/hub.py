"""Data sets of the Hugging Face Hub: from a local copy of the repository, else through the Hub.

Either way the files end up in a folder and are read from there. The Arrow files made of them are
named by the content of the folder: `datasets` names those of a local folder by its name and card
alone, so that a replaced copy would be read stale and two folders of one name get mixed up.

``HF_ENDPOINT``, ``HF_HOME``, ``HF_TOKEN`` and ``HF_HUB_OFFLINE`` work as in every program that
uses the Hub. Nothing is sent to it but what fetches files: counting loads is switched off.
"""

import hashlib
import os
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError

from trainables.base import DataError, DataRequest, DataUnavailable

if TYPE_CHECKING:
    from datasets import DatasetDict

SHA256_DIGITS = 64
PROBE_SECONDS = 5.0
QUIET = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_UPDATE_DOWNLOAD_COUNTS": "0"}


def read(repository: str, request: DataRequest) -> "DatasetDict":
    """The splits of ``repository`` (``owner/name``), each as the card declares it.

    Raises ``DataUnavailable`` if there is neither a local copy nor a way to fetch one, and
    ``DataError`` for files that are not what they should be.
    """
    return read_folder(obtain(repository, request), request)


def obtain(repository: str, request: DataRequest) -> Path:
    """The folder with the files of ``repository``; raises as ``read`` does."""
    return local_copy(repository, request) or _fetch(repository, request)


def file(repository: str, name: str, revision: str, request: DataRequest) -> Path:
    """One file of a model's ``repository``: from a local copy, else a pinned state of the Hub.

    A copy may lack the owner's folder. Raises ``DataUnavailable``.
    """
    for copy in (repository, repository.rpartition("/")[2]):
        folder = local_copy(copy, request)
        if folder and (folder / name).is_file():
            return folder / name

    def fetch(offline: bool) -> str:
        from huggingface_hub import hf_hub_download

        return hf_hub_download(repository, name, revision=revision, local_files_only=offline)

    return _ask(repository, request, fetch)


def locate(repository: str, request: DataRequest) -> str:
    """Where ``read`` would take the data from; nothing is read or fetched."""
    if folder := local_copy(repository, request) or cached(repository):
        return f"in {folder}"
    return f"to be fetched from {endpoint()}"


def local_copy(repository: str, request: DataRequest) -> Path | None:
    """The folder of the repository within the data directory; None if there is none."""
    directory = request.directory or os.environ.get("TUNER_DATA")
    folder = Path(directory) / repository if directory else None
    return folder if folder and folder.is_dir() else None


def cached(repository: str) -> Path | None:
    """The folder to which the Hub's client fetched the repository; None if it did not."""
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    cache = Path(os.environ.get("HF_HUB_CACHE", home / "hub"))
    reference = cache / f"datasets--{repository.replace('/', '--')}" / "refs" / "main"
    if not reference.is_file():
        return None
    return reference.parents[1] / "snapshots" / reference.read_text().strip()


def endpoint() -> str:
    """The address of the Hub in use."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def fingerprint(folder: Path) -> str:
    """Sixteen hex digits that name the folder's files and their content.

    The Hub's client stores a large file under its SHA-256; raises ``DataError`` where it differs.
    """
    state = hashlib.sha256()
    for path in _files(folder):
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        expected = path.resolve().name if path.is_symlink() else ""
        if len(expected) == SHA256_DIGITS and found != expected:
            what = f"SHA-256 differs ({found}, expected {expected})"
            raise DataError(f"{path.resolve()}: {what}. Delete it to fetch anew.")
        state.update(f"{path.relative_to(folder).as_posix()}\0{found}\n".encode())
    return state.hexdigest()[:16]


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden:
            yield path


def read_folder(folder: Path, request: DataRequest) -> "DatasetDict":
    """The splits that the files of ``folder`` make up; raises ``DataError``."""
    os.environ.update(QUIET)
    import datasets
    from pyarrow import ArrowException

    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False  # it may have been imported before
    cache = (request.cache or Path(datasets.config.HF_DATASETS_CACHE)) / "arrow"
    try:
        loaded = datasets.load_dataset(str(folder), cache_dir=str(cache / fingerprint(folder)))
    except (datasets.exceptions.DatasetsError, ArrowException, OSError, ValueError) as error:
        reason = str(error.__cause__ or error).partition("\n")[0]
        advice = "Put a whole copy there, or remove the folder to fetch one from the Hub."
        raise DataError(f"{folder}: cannot be read as a data set ({reason}). {advice}") from None
    assert isinstance(loaded, datasets.DatasetDict)
    return loaded


def _fetch(repository: str, request: DataRequest) -> Path:
    """The folder of the newest version that the Hub has, or of the one in the client's cache."""

    def fetch(offline: bool) -> str:
        from huggingface_hub import snapshot_download

        return snapshot_download(repository, repo_type="dataset", local_files_only=offline)

    return _ask(repository, request, fetch)


def _ask(repository: str, request: DataRequest, fetch: Callable[[bool], str]) -> Path:
    """What ``fetch`` finds on the Hub or, told that it is offline, in the client's cache."""
    os.environ.update(QUIET)
    from huggingface_hub import constants
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.errors import HTTPError as ClientError  # type: ignore[attr-defined]

    try:
        offline = constants.HF_HUB_OFFLINE or not _reachable()
        return Path(fetch(offline))
    except (OSError, ClientError, HFValidationError) as error:
        reason = "no answer, none cached" if offline else str(error).partition("\n")[0].rstrip(".")
        raise DataUnavailable(
            f"cannot fetch {repository} from {endpoint()} ({reason}). Put a copy of the repository"
            f" in {request.directory or 'DIR'}/{repository} and give --data-dir"
            f" {request.directory or 'DIR'} (or TUNER_DATA), connect to the network (HF_ENDPOINT"
            " names a mirror), or try the task on --synthetic data."
        ) from None


def _reachable() -> bool:
    """Whether the Hub answers at all; its client alone would retry for half a minute."""
    request = urllib.request.Request(endpoint(), method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=PROBE_SECONDS).close()
    except HTTPError:
        return True
    except (URLError, HTTPException, TimeoutError, ValueError) as error:
        return isinstance(getattr(error, "reason", None), ssl.SSLError)  # it did answer
    return True
