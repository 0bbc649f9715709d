"""A stand-in for the Hugging Face Hub: serves a folder of repositories by the Hub's protocol.

``root/owner/name`` is both the data set and the model of that name. Enough for
``datasets.load_dataset``, ``huggingface_hub.snapshot_download`` and ``from_pretrained``.
"""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
RESOLVE = re.compile(r"/(?:datasets/)?([\w.-]+/[\w.-]+)/resolve/[^/]+/(.+)")
API = re.compile(
    r"/api/(?:datasets|models)/([\w.-]+/[\w.-]+?)(?:/(revision|tree)/[^/]+(?:/(.+))?)?"
)


@dataclass
class Hub:
    """The running stand-in; ``asked`` holds the requests, ``mangled`` files get other bytes."""

    root: Path
    address: str = ""
    asked: list[str] = field(default_factory=list)
    mangled: set[str] = field(default_factory=set)

    def environment(self, home: Path) -> dict[str, str]:
        """What a process needs to use this Hub and no other, with caches of its own."""
        return {"HF_ENDPOINT": self.address, "HF_HOME": str(home), "NO_PROXY": "127.0.0.1"}


class Answer(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append(f"{self.command} {path}")
        if found := RESOLVE.fullmatch(path):
            self._file(self.hub.root / found[1] / found[2])
        elif found := API.fullmatch(path):
            self._api(self.hub.root / found[1], found[2], found[3] or "")
        else:
            self._send(200 if path == "/" else 404, b"", {})

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        """The details of some paths."""
        length = int(self.headers.get("Content-Length", 0))
        asked = json.loads(self.rfile.read(length) or b"{}")
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append(f"POST {path}")
        found = re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/paths-info/[^/]+", path)
        if not found:
            return self._send(404, b"", {})
        repository = self.hub.root / found[1]
        paths = [repository / name for name in asked.get("paths", [])]
        self._json([_entry(repository, path) for path in paths if path.exists()])
        return None

    def _file(self, path: Path) -> None:
        if not path.is_file():
            self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
            return
        body = path.read_bytes()
        etag = hashlib.sha256(body).hexdigest()
        if path.name in self.hub.mangled:
            body = bytes(reversed(body))
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
        if found := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            start, end = int(found[1]), int(found[2] or len(body) - 1)
            headers["Content-Range"] = f"bytes {start}-{end}/{len(body)}"
            self._send(206, body[start : end + 1], headers)
        else:
            self._send(200, body, headers)

    def _api(self, repository: Path, kind: str | None, folder: str) -> None:
        if not repository.is_dir():
            self._send(404, b"", {"X-Error-Code": "RepoNotFound"})
        elif kind == "tree":
            paths = sorted(
                (repository / folder).iterdir() if (repository / folder).is_dir() else []
            )
            if "recursive=True" in self.path or "recursive=true" in self.path:
                paths = sorted((repository / folder).rglob("*"))
            self._json([_entry(repository, path) for path in paths])
        else:
            name = "/".join(repository.parts[-2:])
            files = [path for path in sorted(repository.rglob("*")) if path.is_file()]
            siblings = [{"rfilename": str(path.relative_to(repository))} for path in files]
            self._json({"id": name, "sha": COMMIT, "siblings": siblings, "tags": []})

    def _json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _entry(repository: Path, path: Path) -> dict[str, Any]:
    name = str(path.relative_to(repository))
    if path.is_dir():
        return {"type": "directory", "oid": hashlib.sha1(name.encode()).hexdigest(), "path": name}
    body = path.read_bytes()
    lfs = {"oid": hashlib.sha256(body).hexdigest(), "size": len(body), "pointerSize": 130}
    return {"type": "file", "oid": lfs["oid"][:40], "size": len(body), "path": name, "lfs": lfs}


@contextmanager
def serving(root: Path) -> Iterator[Hub]:
    """Serve the repositories below ``root`` until the block is left."""
    hub = Hub(root)
    handler = type("BoundAnswer", (Answer,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        hub.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield hub
        server.shutdown()
        thread.join()
