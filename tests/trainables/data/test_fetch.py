import hashlib
import socket
from pathlib import Path

import pytest

from tests.trainables.data.conftest import ArchiveServer, zipped
from trainables.base import DataError, DataRequest, DataUnavailable
from trainables.data import fetch
from trainables.data.fetch import Archive, files

BODIES = {"a.data": b"1, 2\n", "b.data": b"3, 4\n"}
ARCHIVE = Archive(
    "things",
    "/static/public/7/some+things.zip",
    "some+things",
    {name: hashlib.sha256(body).hexdigest() for name, body in BODIES.items()},
)


@pytest.fixture
def server(archive_server: ArchiveServer) -> ArchiveServer:
    archive_server.pages[ARCHIVE.path] = zipped({**BODIES, "Index": b""})
    return archive_server


def request(cache: Path | None, directory: Path | None = None) -> DataRequest:
    return DataRequest("things", 0, cache=cache, directory=directory)


def bodies(paths: dict[str, Path]) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in paths.items()}


def fill(folder: Path, members: dict[str, bytes] = BODIES) -> Path:
    folder.mkdir(parents=True)
    for name, body in members.items():
        (folder / name).write_bytes(body)
    return folder


def leftovers(cache: Path) -> list[Path]:
    return [path for path in cache.rglob("*") if path.is_file()]


def test_an_archive_is_fetched_once_and_kept(server: ArchiveServer, tmp_path: Path) -> None:
    assert bodies(files(ARCHIVE, request(tmp_path))) == BODIES
    assert bodies(files(ARCHIVE, request(tmp_path))) == BODIES
    assert server.asked == [ARCHIVE.path]
    assert len(leftovers(tmp_path)) == len(BODIES)


@pytest.mark.parametrize("place", ["uci/some+things", "some+things", "."])
def test_a_local_copy_is_read_where_it_is(
    server: ArchiveServer, tmp_path: Path, place: str
) -> None:
    fill(tmp_path / "copy" / place if place != "." else tmp_path / "copy")
    found = files(ARCHIVE, request(tmp_path / "cache", tmp_path / "copy"))
    assert bodies(found) == BODIES
    assert not server.asked


def test_the_environment_names_a_local_copy_unless_the_request_does(
    server: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named, other = fill(tmp_path / "named"), fill(tmp_path / "other")
    monkeypatch.setenv("TUNER_DATA", str(other))
    assert files(ARCHIVE, request(None))["a.data"].parent == other
    assert files(ARCHIVE, request(None, named))["a.data"].parent == named
    assert not server.asked


def test_half_a_local_copy_is_not_used(server: ArchiveServer, tmp_path: Path) -> None:
    half = fill(tmp_path / "copy", {"a.data": BODIES["a.data"]})
    cache = tmp_path / "cache"
    assert files(ARCHIVE, request(cache, half))["a.data"].is_relative_to(cache)


@pytest.mark.parametrize("name", ["copy", "cache"])
def test_a_changed_file_is_refused(server: ArchiveServer, tmp_path: Path, name: str) -> None:
    changed = {**BODIES, "b.data": b"3, 5\n"}
    fill(tmp_path / name / "uci" / ARCHIVE.folder, changed)
    with pytest.raises(DataError, match=r"b\.data: SHA-256 differs .* Delete it to fetch anew"):
        files(ARCHIVE, request(tmp_path / "cache", tmp_path / "copy"))
    assert not server.asked


def test_a_file_that_may_not_be_read_is_named(
    server: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    copy = fill(tmp_path / "copy")
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"a\.data: cannot be read \(Permission denied\)"):
        files(ARCHIVE, request(None, copy))


def test_an_archive_with_another_content_is_refused(server: ArchiveServer, tmp_path: Path) -> None:
    server.pages[ARCHIVE.path] = zipped({**BODIES, "a.data": b"other"})
    with pytest.raises(DataError, match=r"a\.data in .*: SHA-256 differs"):
        files(ARCHIVE, request(tmp_path))
    assert not leftovers(tmp_path)


def test_without_network_the_message_says_what_to_put_where(
    server: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNER_UCI_URL", "http://127.0.0.1:9")
    with pytest.raises(DataUnavailable) as caught:
        files(ARCHIVE, request(tmp_path / "cache", tmp_path / "copy"))
    message = str(caught.value)
    assert message.startswith("cannot fetch things (")
    assert "refused" in message
    assert f"Put a.data (SHA-256 {ARCHIVE.sha256['a.data']}) and b.data (SHA-256 " in message
    assert f"in {tmp_path / 'copy'}, or set TUNER_DATA" in message


@pytest.mark.parametrize("body", [None, b"<html>log in first</html>", zipped(BODIES)[:-40]])
def test_what_is_no_archive_counts_as_not_fetched(
    server: ArchiveServer, tmp_path: Path, body: bytes | None
) -> None:
    server.pages = {} if body is None else {ARCHIVE.path: body}
    with pytest.raises(DataUnavailable, match="cannot fetch things"):
        files(ARCHIVE, request(tmp_path))
    assert not leftovers(tmp_path)


def test_a_damaged_member_counts_as_not_fetched(server: ArchiveServer, tmp_path: Path) -> None:
    body = bytearray(zipped(BODIES))
    body[len("PK....") + 38] ^= 0xFF
    server.pages[ARCHIVE.path] = bytes(body)
    with pytest.raises(DataUnavailable, match="no readable zip archive"):
        files(ARCHIVE, request(tmp_path))


def test_a_server_that_never_answers_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "TIMEOUT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as hole:
        monkeypatch.setenv("TUNER_UCI_URL", f"http://127.0.0.1:{hole.getsockname()[1]}")
        with pytest.raises(DataUnavailable, match="timed out"):
            files(ARCHIVE, request(tmp_path))


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..\\evil"])
def test_an_archive_with_an_unsafe_path_is_refused(
    server: ArchiveServer, tmp_path: Path, name: str
) -> None:
    server.pages[ARCHIVE.path] = zipped({**BODIES, name: b""})
    with pytest.raises(DataError, match="unsafe path") as caught:
        files(ARCHIVE, request(tmp_path))
    assert not isinstance(caught.value, DataUnavailable)
    assert not leftovers(tmp_path)


@pytest.mark.parametrize("bomb", [b"\0" * 100_000, bytes(range(256)) * 4])
def test_an_oversized_archive_is_refused(
    server: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bomb: bytes
) -> None:
    monkeypatch.setattr(fetch, "LIMIT_BYTES", 700)
    server.pages[ARCHIVE.path] = zipped({**BODIES, "bomb": bomb})
    with pytest.raises(DataError, match="refused, "):
        files(ARCHIVE, request(tmp_path))
    assert not leftovers(tmp_path)


def test_an_archive_that_lacks_a_file_is_refused(server: ArchiveServer, tmp_path: Path) -> None:
    server.pages[ARCHIVE.path] = zipped({"a.data": BODIES["a.data"]})
    with pytest.raises(DataError, match=r"no item named 'b\.data'"):
        files(ARCHIVE, request(tmp_path))


def test_without_a_cache_nothing_is_fetched(server: ArchiveServer) -> None:
    with pytest.raises(DataUnavailable, match="no cache folder"):
        files(ARCHIVE, request(None))
    assert not server.asked


def test_only_web_addresses_are_fetched_from(
    server: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNER_UCI_URL", tmp_path.as_uri())
    with pytest.raises(DataError, match="TUNER_UCI_URL: http:// or https:// expected, got 'file:"):
        files(ARCHIVE, request(tmp_path))
