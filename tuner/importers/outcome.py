"""What came of an import: which name is which, how much was kept, what was refused and why."""

import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from meta.history import Refusal
from meta.study import TrialState
from tuner.home import redact
from tuner.importers.adoption import Adopted
from tuner.importers.foreign import listing
from tuner.importers.mapping import Correspondence
from tuner.terminal import brief, columns

SHOWN_STATES = (
    TrialState.COMPLETED,
    TrialState.STOPPED,
    TrialState.DIVERGED,
    TrialState.FAILED,
    TrialState.RUNNING,
)
VARIABLE = re.compile(r"'[^']*'|-?\d[\w.+-]*")
MOST_REASONS = 20


@dataclass(frozen=True)
class Imported:
    """The studies that were made of a source, and what was refused of it beside.

    ``task`` is as it was typed; ``written`` are the trials that were not in the store yet, by
    study, None in a dry run.
    """

    source: str
    kind: str
    task: str | None
    adopted: Sequence[Adopted]
    refused: Sequence[Refusal] = ()
    written: Mapping[str, int] | None = None

    def with_written(self, written: Mapping[str, int]) -> "Imported":
        """The same after it was written."""
        return replace(self, written=written)

    def to_json(self) -> dict[str, Any]:
        """Everything, as the one object of ``--json``."""
        return {
            "source": redact(self.source),
            "kind": self.kind,
            "task": self.task,
            "mappings": [
                {"studies": names, **_mapping_json(found)} for found, names in self._mappings()
            ],
            "studies": [self._study_json(item) for item in self.adopted],
            "refused": [asdict(reason) for reason in grouped(self._refusals())],
            "dry_run": self.written is None,
        }

    def text(self) -> str:
        """The same for a reader, with the command to go on."""
        parts = [f"{redact(self.source)} ({self.kind})"]
        for found, names in self._mappings():
            parts += ["", listing(names), *_mapping_text(found)]
        parts += ["", columns(self._study_rows())]
        reasons = grouped(self._refusals())
        if reasons:
            parts += ["", *(reason.text() for reason in reasons[:MOST_REASONS])]
        if len(reasons) > MOST_REASONS:
            parts.append(f"and {len(reasons) - MOST_REASONS} more reasons; --json shows all")
        return "\n".join([*parts, "", self._end()])

    def _refusals(self) -> list[Refusal]:
        return [*self.refused, *(refusal for item in self.adopted for refusal in item.refused)]

    def _mappings(self) -> list[tuple[Correspondence, list[str]]]:
        """The different mappings, each with the studies it is of."""
        different: list[tuple[Correspondence, list[str]]] = []
        for item in self.adopted:
            if item.found is None:
                continue
            names = next((names for found, names in different if found == item.found), None)
            if names is None:
                different.append((item.found, [item.name]))
            else:
                names.append(item.name)
        return different

    def _study_json(self, item: Adopted) -> dict[str, Any]:
        study, written = item.study, self.written or {}
        return {
            "name": item.name,
            "study": study and study.id,
            "task": study and study.task.id,
            "trials": {state.lower(): n for state, n in _counts(item).items()},
            "refused": len(item.refused),
            "written": written.get(study.id, 0) if study else 0,
        }

    def _study_rows(self) -> list[list[object]]:
        states = [state for state in SHOWN_STATES if any(_counts(a)[state] for a in self.adopted)]
        heading = ["study", "from", "task", *(state.lower() for state in states), "refused"]
        rows: list[list[object]] = [[*heading, *([] if self.written is None else ["new"])]]
        for item in self.adopted:
            study, counts = item.study, _counts(item)
            row: list[object] = (
                [study.id, item.name, study.task.id] if study else ["", item.name, ""]
            )
            row += [*(counts[state] for state in states), len(item.refused)]
            if self.written is not None:
                row.append(self.written.get(study.id, 0) if study else 0)
            rows.append(row)
        return rows

    def _end(self) -> str:
        studies = [item.study for item in self.adopted if item.study]
        trials = sum(len(study.trials) for study in studies)
        whole = f"{trials} trials in {len(studies)} {'study' if len(studies) == 1 else 'studies'}"
        if not studies:
            return "nothing was imported"
        if self.written is None:
            return f"{whole} would be imported; without --dry-run they are"
        new = sum(self.written.values())
        command = f"tuner plan {shlex.quote(self.task)}" if self.task else "tuner history list"
        return f"{whole}, {new} of them new. See what comes of it: {command}"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why so many were refused, in the words for the first of them."""

    reason: str
    times: int
    study: str
    trial: int | None

    def text(self) -> str:
        """One line."""
        where = self.study if self.trial is None else f"trial {self.trial} of {self.study}"
        return f"refused {self.times} x  {where}: {self.reason}"


def grouped(refusals: Iterable[Refusal]) -> list[Reason]:
    """The reasons, the most frequent first; those that differ in values only are one."""
    alike: dict[str, list[Refusal]] = defaultdict(list)
    for refusal in refusals:
        alike[VARIABLE.sub("…", refusal.reason)].append(refusal)
    reasons = [
        Reason(same[0].reason, len(same), same[0].study_id, same[0].trial_id)
        for same in alike.values()
    ]
    return sorted(reasons, key=lambda reason: -reason.times)


def _counts(item: Adopted) -> Counter[TrialState]:
    return Counter(trial.state for trial in item.study.trials) if item.study else Counter()


def _mapping_json(found: Correspondence) -> dict[str, Any]:
    return {
        "parameters": {name: link.to_json() for name, link in found.params.items()},
        "defaults": found.defaults,
        "metric": found.metric.to_json(),
        "mode": found.mode,
        "mode_is_known": found.mode_is_known,
        "unused": list(found.unused),
    }


def _mapping_text(found: Correspondence) -> list[str]:
    rows: list[tuple[object, ...]] = [("ours", "theirs", "as")]
    for name, link in found.params.items():
        rows.append((name, link.theirs, link.to_json()["as"]))
    rows += [(name, "", f"default {brief(value)}") for name, value in found.defaults.items()]
    metric = found.metric
    mode = found.mode if found.mode_is_known else f"{found.mode}, supposed; --mode says"
    rows.append(("(metric)", metric.theirs, f"{metric.to_json()['as']}, {mode}"))
    return [columns(rows), *([f"not used: {listing(found.unused)}"] if found.unused else [])]
