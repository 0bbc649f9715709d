"""A legacy ``mlruns`` folder, read as the plain files that it consists of.

MLflow opens such a store no more; its runs are folders of small files: ``meta.yaml``, one file for
each parameter and tag, and one for each metric with a line ``time value step`` for each entry.
"""

from pathlib import Path

from meta.history import REASON_LENGTH, Refusal
from tuner.errors import UsageError
from tuner.importers.foreign import number
from tuner.strict_yaml import Node, read_file
from tuner.tracking.foreign import MOST_RUNS, Entry, ForeignRun, choose
from tuner.tracking.records import PARENT, STUDY

META = "meta.yaml"
STATUSES = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
"""The numbers in ``meta.yaml``."""
MOST_BYTES = 64 << 20
VALUE_BYTES = 64 << 10


def is_folder_of_runs(folder: Path) -> bool:
    """Whether it looks like ``mlruns``."""
    return any(folder.glob(f"*/{META}"))


def read_folder(
    folder: Path, experiment: str | None, refused: list[Refusal]
) -> tuple[str, list[ForeignRun]]:
    """As ``tuner.tracking.foreign.read_foreign_runs``; runs that cannot be read are refused."""
    found = {}
    for path in sorted(folder.glob(f"*/{META}")):
        meta = read_file(path)
        has_runs = any(path.parent.glob(f"*/{META}"))
        if _is_active(meta) and (has_runs or experiment is not None):
            found[_text(meta, "name") or path.parent.name] = path.parent
    name = choose(found, experiment, str(folder))
    runs = []
    for place, path in enumerate(sorted(found[name].glob(f"*/{META}"))[:MOST_RUNS]):
        try:
            meta = read_file(path)
            if _is_active(meta):
                runs.append(_run(path.parent, meta))
        except (UsageError, OSError, ValueError) as error:
            what = str(error).partition("\n")[0].replace(f"{path.parent}/", "")
            refused.append(Refusal(name, place, f"{path.parent.name}/{what}"[:REASON_LENGTH]))
    return name, sorted(runs, key=lambda run: (run.started, run.id))


def _run(folder: Path, meta: Node) -> ForeignRun:
    tags = folder / "tags"
    started = _seconds(meta, "start_time")
    return ForeignRun(
        id=folder.name,
        name=_text(meta, "run_name") or folder.name,
        parent=_value(tags / PARENT) if (tags / PARENT).is_file() else "",
        status=STATUSES.get(int(number(_text(meta, "status") or 1)), ""),
        started=started,
        ended=_seconds(meta, "end_time") or started,
        params={name: _value(path) for name, path in _files(folder / "params")},
        metrics={name: _entries(path) for name, path in _files(folder / "metrics")},
        is_ours=(tags / STUDY).is_file(),
    )


def _files(folder: Path) -> list[tuple[str, Path]]:
    """The files in a folder by their names, of which a ``/`` made folders."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(path.relative_to(folder).as_posix(), path) for path in paths]


def _entries(path: Path) -> list[Entry]:
    """The lines of a metric, of which old versions wrote no step."""
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"metric {path.name} is larger than {MOST_BYTES >> 20} MiB")
    entries = []
    for line, text in enumerate(path.read_text("utf-8").splitlines(), 1):
        words = [*text.split(), "0"][:3]
        try:
            entries.append((int(words[2]), float(words[1]), int(words[0]) / 1000))
        except (IndexError, ValueError, OverflowError):
            raise ValueError(f"metric {path.name}:{line}: {text[:60]!r}") from None
    return entries


def _value(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(VALUE_BYTES).decode("utf-8", "replace")


def _is_active(meta: Node) -> bool:
    return _text(meta, "lifecycle_stage") in {"", "active"}


def _seconds(meta: Node, key: str) -> float:
    milliseconds = number(_text(meta, key))
    return milliseconds / 1000 if milliseconds == milliseconds else 0.0


def _text(meta: Node, key: str) -> str:
    node = meta.find(key)
    return "" if node is None else str(node.value)
