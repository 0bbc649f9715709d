"""What past studies hold, kept on this machine, so that MLflow is asked only for what is new.

One file for each study, replaced as a whole. It counts only if its seal is right, which is made of
its contents and of the stamp that the study has in MLflow now. So a file that is old, damaged or of
another version is as good as none, and a folder that cannot be used is done without.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import overload

from meta.study import Trial
from tuner import __version__
from tuner.home import home, redact

VERSION = f"1 {__version__}"
"""Of the files, and of what a record in MLflow means."""


class StoredTrials(Sequence[Trial]):
    """Trials as JSON that is read when somebody first looks at one; equal to the same as a tuple.

    Studies of other models are never looked at, and text takes a fraction of the memory.
    """

    def __init__(self, text: bytes, count: int) -> None:
        self.text = text
        self._count = count

    @classmethod
    def of(cls, texts: Sequence[bytes]) -> "StoredTrials":
        """From the JSON of each."""
        return cls(b"[%b]" % b",".join(texts), len(texts))

    @cached_property
    def _trials(self) -> tuple[Trial, ...]:
        return tuple(Trial.from_json(trial) for trial in json.loads(self.text))

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Trial: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Trial, ...]: ...
    def __getitem__(self, index: int | slice) -> Trial | tuple[Trial, ...]:
        return self._trials[index]

    def __iter__(self) -> Iterator[Trial]:
        return iter(self._trials)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._trials == tuple(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._trials)


@dataclass(frozen=True)
class Contents:
    """The trials of a study; of those that cannot be read the numbers and why."""

    trials: StoredTrials
    refused: tuple[tuple[int | None, str], ...] = ()


class Cache:
    """The contents of the studies of one experiment, as they were when last read."""

    def __init__(self, uri: str, experiment_id: str) -> None:
        self._folder = home() / "history" / _digest(f"{redact(uri)} {experiment_id}")

    def read(self, study_id: str, stamp: str) -> Contents | None:
        """What is known of a study, if that is what it holds now."""
        try:
            seal, _, body = self._path(study_id).read_bytes().partition(b"\n")
        except OSError:
            return None
        if seal != _seal(stamp, body):
            return None
        head, _, text = body.partition(b"\n")
        count, refused = json.loads(head)
        return Contents(StoredTrials(text, count), tuple((trial, why) for trial, why in refused))

    def write(self, study_id: str, stamp: str, contents: Contents) -> None:
        """Keep what a study holds; if that is impossible it is read again next time."""
        head = json.dumps([len(contents.trials), contents.refused]).encode()
        body = b"\n".join((head, contents.trials.text))
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=self._folder, delete=False) as file:
                file.write(b"\n".join((_seal(stamp, body), body)))
            Path(file.name).replace(self._path(study_id))

    def forget_others(self, study_ids: Iterable[str]) -> None:
        """Remove the files of studies that are gone, and what a killed writer left."""
        known = {self._path(study_id) for study_id in study_ids}
        with suppress(OSError):
            for path in set(self._folder.iterdir()) - known:
                path.unlink()

    def _path(self, study_id: str) -> Path:
        return self._folder / _digest(study_id)


def _seal(stamp: str, body: bytes) -> bytes:
    return sha256(f"{VERSION} {stamp}\n".encode() + body).hexdigest().encode()


def _digest(text: str) -> str:
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]
