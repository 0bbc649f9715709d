"""Reads past studies back from MLflow, from their records alone.

Of a study that is over only its own run is asked for, as long as that shows that nothing changed;
what its trials hold is kept in a cache.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

from meta.history import REASON_LENGTH, Refusal
from meta.study import Study, Trial, TrialState
from tuner.tracking.cache import Cache, Contents, StoredTrials
from tuner.tracking.records import MALFORMED, STUDY, TRIAL, read_record
from tuner.tracking.runs import find_runs
from tuner.tracking.store import StoreUnavailable, connect, reason, sqlite_path
from tuner.tracking.survey import Survey, survey

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

Result = TypeVar("Result")

FIRST_ANSWER_SECONDS = 4.0
MOST_PASSED = 200_000
"""Runs looked at, twice what the studies may have: those of others are among them."""
FEW = 0.25
"""The share of the studies up to which it is faster to ask for each than to go through all runs."""
PLAIN_ID = re.compile(r"[\w.:-]+")
"""What can stand in a condition; the names of studies in a shared store are anybody's."""


@dataclass(frozen=True)
class PastStudies:
    """The studies found, newest first, and what of them could not be read.

    ``started`` are the Unix times in seconds at which they began, by study id.
    """

    studies: tuple[Study, ...] = ()
    refused: tuple[Refusal, ...] = ()
    started: dict[str, float] = field(default_factory=dict)


def read_studies(uri: str, experiment: str) -> PastStudies:
    """The studies of an experiment, unfinished ones too; none where there is no store yet.

    Of more than 100,000 runs those of the newest studies count. Trials are held as text until
    somebody looks at them: a study of 100 trials of ten reports takes 0.2 MB, then 0.7 MB more.
    Raises ``StoreUnavailable``, within seconds if the store does not answer.
    """
    path = sqlite_path(uri)
    if path is not None and not path.exists():
        return PastStudies()
    client = connect(uri)
    try:
        found = _first_answer(lambda: client.get_experiment_by_name(experiment))
        if found is None or found.lifecycle_stage == "deleted":
            return PastStudies()
        return _read(client, found.experiment_id, Cache(uri, found.experiment_id))
    except TimeoutError:
        raise StoreUnavailable(f"no answer within {FIRST_ANSWER_SECONDS:g} s") from None
    except Exception as error:
        raise StoreUnavailable(reason(error)) from None


def _first_answer(call: Callable[[], Result]) -> Result:
    """Call, but wait no longer than that; MLflow's own time-outs begin anew at each byte."""
    answer: Future[Result] = Future()

    def wait() -> None:
        try:
            answer.set_result(call())
        except Exception as error:
            answer.set_exception(error)

    Thread(target=wait, daemon=True).start()
    return answer.result(FIRST_ANSWER_SECONDS)


def _read(client: "MlflowClient", experiment_id: str, cache: Cache) -> PastStudies:
    seen = survey(client, experiment_id)
    known = {id: cache.read(id, stamp) for id, stamp in seen.stamps.items()}
    contents = {id: found for id, found in known.items() if found}
    missing = [id for id in seen.runs if id not in contents]
    if missing:
        new = _read_trials(client, experiment_id, seen, missing)
        _keep(cache, new, seen, survey(client, experiment_id))
        contents |= new
    return _past(seen, contents)


def _keep(cache: Cache, new: dict[str, Contents], before: Survey, after: Survey) -> None:
    """Keep what did not change while it was read; a deleted run shifts the pages of all others."""
    for id, stamp in after.stamps.items() if before.deleted == after.deleted else ():
        if id in new and before.stamps.get(id) == stamp:
            cache.write(id, stamp, new[id])
    cache.forget_others(after.stamps)


def _read_trials(
    client: "MlflowClient", experiment_id: str, seen: Survey, wanted: Collection[str]
) -> dict[str, Contents]:
    """What these studies hold; of too many runs, those that began after the last one read."""
    gathered = {id: _Gathered() for id in wanted}
    cut = -1
    for count, run in enumerate(_trial_runs(client, experiment_id, wanted, len(seen.runs))):
        if count == MOST_PASSED:
            cut = run.info.start_time
            break
        if (id := run.data.tags.get(STUDY)) in gathered:
            gathered[id].take(run.data.tags)
    return {
        id: found.contents()
        for id, found in gathered.items()
        if seen.runs[id][-1].info.start_time > cut
    }


def _trial_runs(
    client: "MlflowClient", experiment_id: str, wanted: Collection[str], studies: int
) -> "Iterator[Run]":
    """The runs of their trials; of many studies at once, among those of all others."""
    if len(wanted) <= FEW * studies and all(map(PLAIN_ID.fullmatch, wanted)):
        for id in wanted:
            condition = f"tags.`{STUDY}` = '{id}' AND tags.`{TRIAL}` != ''"
            yield from find_runs(client, experiment_id, condition)
    else:
        yield from find_runs(client, experiment_id, f"tags.`{TRIAL}` != ''")


class _Gathered:
    """What the trials of a study read so far hold."""

    def __init__(self) -> None:
        self._trials: dict[int, tuple[TrialState, bytes]] = {}
        self._refused: list[tuple[int | None, str]] = []

    def take(self, tags: dict[str, str]) -> None:
        """Read the record of a trial; of one that is there twice, the run in which it ended."""
        try:
            data, text = read_record(tags)
            trial = Trial.from_json(data)
            state, _ = self._trials.get(trial.id, (TrialState.RUNNING, b""))
            if state is TrialState.RUNNING:
                self._trials[trial.id] = trial.state, text.encode()
        except MALFORMED as error:
            number = int(tags[TRIAL]) if tags[TRIAL].isdecimal() else None
            self._refused.append((number, _unreadable(error)))

    def contents(self) -> Contents:
        """All of it."""
        texts = [self._trials[number][1] for number in sorted(self._trials)]
        return Contents(StoredTrials.of(texts), tuple(self._refused))


def _past(seen: Survey, contents: Mapping[str, Contents]) -> PastStudies:
    """The studies with their trials; of two runs of a study the newer one counts."""
    studies: list[Study] = []
    refused: list[Refusal] = []
    started: dict[str, float] = {}
    for run in (run for id, runs in seen.runs.items() if id in contents for run in runs):
        id = run.data.tags[STUDY]
        try:
            study = _study(run.data.tags)
        except MALFORMED as error:
            refused.append(Refusal(id, None, _unreadable(error)))
            continue
        if id not in started:
            started[id] = run.info.start_time / 1000
            studies.append(study.with_trials(contents[id].trials))
            refused += [Refusal(id, trial, why) for trial, why in contents[id].refused]
    return PastStudies(tuple(studies), tuple(refused), started)


def _study(tags: Mapping[str, str]) -> Study:
    study = Study.from_json(read_record(tags)[0])
    if study.id != tags[STUDY]:
        raise ValueError(f"it names study {study.id}")
    return study


def _unreadable(error: Exception) -> str:
    return f"its record in MLflow is unreadable: {error!r}"[:REASON_LENGTH]
