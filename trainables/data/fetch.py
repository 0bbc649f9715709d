"""Files of a public archive, from a local copy, the cache or the network; all by their SHA-256."""

import hashlib
import os
import tempfile
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath

from trainables.base import DataError, DataRequest, DataUnavailable

UCI_URL = "https://archive.ics.uci.edu"
TIMEOUT_SECONDS = 30
LIMIT_BYTES = 64 << 20
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Archive:
    """A zip archive at UCI: its path there and the SHA-256 of each file that is needed.

    ``folder`` is where the files lie in a local copy and in the cache.
    """

    name: str
    path: str
    folder: str
    sha256: Mapping[str, str]

    def wanted(self) -> str:
        """What a user would have to supply."""
        return " and ".join(f"{name} (SHA-256 {digest})" for name, digest in self.sha256.items())


def files(archive: Archive, request: DataRequest) -> dict[str, Path]:
    """The archive's files by name; fetched into ``request.cache`` unless they are at hand.

    Raises ``DataError`` for a file that is not the known one, ``DataUnavailable`` if there is none.
    """
    folder = at_hand(archive, request) or _fetch(archive, request)
    for name, digest in archive.sha256.items():
        _verify(folder / name, digest, f"{folder / name}", "Delete it to fetch anew.")
    return {name: folder / name for name in archive.sha256}


def at_hand(archive: Archive, request: DataRequest) -> Path | None:
    """The folder that holds all files of the archive, not yet verified; None if none does."""
    folders = _folders(archive, request)
    return next((folder for folder in folders if _is_complete(archive, folder)), None)


def _folders(archive: Archive, request: DataRequest) -> Iterator[Path]:
    local = request.directory or os.environ.get("TUNER_DATA")
    if local:
        yield Path(local) / "uci" / archive.folder
        yield Path(local) / archive.folder
        yield Path(local)
    if request.cache:
        yield _cached(archive, request.cache)


def _cached(archive: Archive, cache: Path) -> Path:
    return cache / "uci" / archive.folder


def _is_complete(archive: Archive, folder: Path) -> bool:
    return all((folder / name).is_file() for name in archive.sha256)


def _verify(path: Path, digest: str, where: str, advice: str) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{where}: cannot be read ({error.strerror})") from None
    if found != digest:
        raise DataError(f"{where}: SHA-256 differs ({found}, expected {digest}). {advice}")


def _fetch(archive: Archive, request: DataRequest) -> Path:
    base = os.environ.get("TUNER_UCI_URL", UCI_URL).rstrip("/")
    if not base.startswith(("http://", "https://")):
        raise DataError(f"TUNER_UCI_URL: http:// or https:// expected, got {base!r}")
    try:
        if request.cache is None:
            raise OSError("no cache folder to keep it in")
        return _download(archive, base + archive.path, request.cache)
    except (OSError, HTTPException) as error:
        place = request.directory or "a folder that you name as the data directory"
        raise DataUnavailable(
            f"cannot fetch {archive.name} ({getattr(error, 'reason', error)})."
            f" Put {archive.wanted()} in {place}, or set TUNER_DATA to where they are."
        ) from None


def _download(archive: Archive, url: str, cache: Path) -> Path:
    """Fetch and unpack beside the final folder; a file appears there whole or not at all."""
    folder = _cached(archive, cache)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="fetch-") as name:
        scratch = Path(name)
        _stream(url, scratch / "archive.zip")
        _unpack(archive, scratch)
        for file, digest in archive.sha256.items():
            _verify(scratch / file, digest, f"{file} in {url}", "Get the known version elsewhere.")
        for file in archive.sha256:
            (scratch / file).replace(folder / file)
    return folder


def _stream(url: str, path: Path) -> None:
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer, path.open("wb") as file:
        while chunk := answer.read(CHUNK_BYTES):
            file.write(chunk)
            if file.tell() > LIMIT_BYTES:
                raise DataError(f"{url}: refused, larger than {LIMIT_BYTES} bytes")


def _unpack(archive: Archive, scratch: Path) -> None:
    try:
        with zipfile.ZipFile(scratch / "archive.zip") as source:
            _refuse_unsafe(archive, source)
            for name in archive.sha256:
                (scratch / name).write_bytes(source.read(name))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise OSError(f"what came is no readable zip archive: {error}") from None
    except KeyError as error:
        raise DataError(f"{archive.path}: {error.args[0]}") from None


def _refuse_unsafe(archive: Archive, source: zipfile.ZipFile) -> None:
    for name in source.namelist():
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts:
            raise DataError(f"{archive.path}: refused, unsafe path {name!r} in the archive")
    size = sum(member.file_size for member in source.infolist())
    if size > LIMIT_BYTES:
        raise DataError(f"{archive.path}: refused, {size} bytes unpacked, at most {LIMIT_BYTES}")
