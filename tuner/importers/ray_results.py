"""A folder of Ray Tune results: of each trial ``result.json`` and ``params.json``, no pickle."""

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from meta.history import Refusal
from meta.study import TrialState
from tuner.errors import UsageError
from tuner.importers.foreign import (
    MOST_TRIALS,
    ForeignStudy,
    ForeignTrial,
    Found,
    Reading,
    flatten,
    number,
)

RESULTS, PARAMS, ERROR = "result.json", "params.json", "error.txt"
DEEPEST = 3
"""Levels below the folder at which a trial may lie: of a trial, an experiment, a storage path."""
MOST_BYTES = 256 << 20
STATES, UNENDED = "experiment_state-*.json", ("PENDING", "RUNNING", "PAUSED")
CONFIG = "config/"
STEP, SECONDS = "training_iteration", "time_total_s"
REASON_BYTES = 4096


def trial_folders(folder: Path) -> list[Path]:
    """The folders of trials below a folder, in order."""
    patterns = ("/".join(["*"] * depth + [RESULTS]) for depth in range(DEEPEST + 1))
    return sorted(
        {path.parent for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    )


def read_ray(folder: Path) -> Found:
    """The experiments below a folder; raises ``UsageError`` if there are none."""
    experiments: dict[Path, list[Path]] = defaultdict(list)
    for path in trial_folders(folder)[:MOST_TRIALS]:
        experiments[path.absolute().parent].append(path)
    if not experiments:
        raise UsageError(
            f"{folder}: no trial of Ray Tune ({RESULTS}) in it. Name the folder of an experiment,"
            " e.g. ~/ray_results/NAME."
        )
    refused: list[Refusal] = []
    studies = [_study(place, paths, refused) for place, paths in experiments.items()]
    return Found(studies, refused)


def _study(place: Path, folders: list[Path], refused: list[Refusal]) -> ForeignStudy:
    trials: list[ForeignTrial] = []
    unended = _unended(place)
    for id, folder in enumerate(folders):
        try:
            trials.append(_trial(id, folder, folder.name in unended))
        except (OSError, ValueError, RecursionError) as error:
            refused.append(Refusal(place.name, id, f"{folder.name[:60]}: {error}"))
    return ForeignStudy(place.name, "ray", str(place), _told_apart(trials))


def _trial(id: int, folder: Path, is_running: bool) -> ForeignTrial:
    lines = list(_results(folder / RESULTS))
    curves: dict[str, list[Reading]] = defaultdict(list)
    for place, line in enumerate(lines, 1):
        step = number(line.get(STEP))
        seconds = number(line.get(SECONDS))
        at = int(step) if math.isfinite(step) else place
        for name, value in line.items():
            if isinstance(value, int | float) and not name.startswith(CONFIG):
                curves[name].append(Reading(at, number(value), seconds))
    last: Mapping[str, Any] = lines[-1] if lines else {}
    state, reason = TrialState.RUNNING if is_running else TrialState.COMPLETED, ""
    if (folder / ERROR).is_file():
        state, reason = TrialState.FAILED, _last_line(folder / ERROR)
    seconds = number(last.get(SECONDS))
    spent = 0.0 if math.isnan(seconds) else seconds
    return ForeignTrial(id, _params(folder, last), state, curves, reason, spent)


def _told_apart(trials: list[ForeignTrial]) -> tuple[ForeignTrial, ...]:
    """One that ended before the longest is taken for stopped: Ray writes the same of both."""
    lengths = {trial.id: _length(trial) for trial in trials}
    longest = max(lengths.values(), default=0)
    return tuple(
        ForeignTrial(t.id, t.params, TrialState.STOPPED, t.metrics, "ended early", t.seconds)
        if t.state is TrialState.COMPLETED and lengths[t.id] < longest
        else t
        for t in trials
    )


def _length(trial: ForeignTrial) -> int:
    return max((item.step for item in trial.metrics.get(STEP, ())), default=0)


def _unended(experiment: Path) -> set[str]:
    """The folders of the trials that had not ended when Ray last wrote down where it stands.

    Its file holds pickles too, as texts in its JSON; they are left alone.
    """
    try:
        newest = max(experiment.glob(STATES))
        states = [json.loads(state) for state, _ in json.loads(_read(newest))["trial_data"]]
        return {state["relative_logdir"] for state in states if state["status"] in UNENDED}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return set()


def _results(path: Path) -> Iterator[dict[str, Any]]:
    """The reports of a trial; a line that a kill cut off ends them."""
    for line in _read(path).splitlines():
        try:
            report = json.loads(line)
        except ValueError:
            return
        if not isinstance(report, dict):
            raise ValueError(f"{path.name}: an object expected, got {line[:60]!r}")
        yield flatten(report)


def _params(folder: Path, last: Mapping[str, Any]) -> dict[str, object]:
    path = folder / PARAMS
    if not path.is_file():
        return {n.removeprefix(CONFIG): v for n, v in last.items() if n.startswith(CONFIG)}
    params = json.loads(_read(path))
    if not isinstance(params, dict):
        raise ValueError(f"{PARAMS}: an object expected")
    return {name: "None" if value is None else value for name, value in flatten(params).items()}


def _read(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError(f"{path.name} is larger than {MOST_BYTES >> 20} MiB")
    return data.decode("utf-8")


def _last_line(path: Path) -> str:
    with path.open("rb") as file:
        text = file.read()[-REASON_BYTES:].decode(errors="replace")
    return (text.strip().splitlines() or [""])[-1]
