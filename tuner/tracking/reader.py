"""Reads past studies back from MLflow, from their records alone, in a few calls."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

from meta.history import REASON_LENGTH, Refusal
from meta.study import Study, Trial, TrialState
from tuner.tracking.records import MALFORMED, STUDY, TRIAL, read_record
from tuner.tracking.runs import find_runs
from tuner.tracking.store import StoreUnavailable, connect, reason, sqlite_path

if TYPE_CHECKING:
    from mlflow.entities import Run

Result = TypeVar("Result")

FIRST_ANSWER_SECONDS = 4.0
MOST_RUNS = 100_000


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

    Of more than ``MOST_RUNS`` runs the newest count. Raises ``StoreUnavailable``, within seconds
    if the store does not answer.
    """
    path = sqlite_path(uri)
    if path is not None and not path.exists():
        return PastStudies()
    client = connect(uri)
    try:
        found = _first_answer(lambda: client.get_experiment_by_name(experiment))
        if found is None or found.lifecycle_stage == "deleted":
            return PastStudies()
        ours = find_runs(client, found.experiment_id, f"tags.`{STUDY}` != ''")
        return _rebuild(islice(ours, MOST_RUNS))
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


def _rebuild(runs: "Iterable[Run]") -> PastStudies:
    studies: dict[str, Study] = {}
    trials: dict[str, dict[int, Trial]] = defaultdict(dict)
    refused: list[Refusal] = []
    started: dict[str, float] = {}
    for run in runs:
        tags = run.data.tags
        id, trial_tag = tags[STUDY], tags.get(TRIAL)
        try:
            if trial_tag is None:
                studies.setdefault(id, _study(tags))
                started.setdefault(id, run.info.start_time / 1000)
            else:
                trial = Trial.from_json(read_record(tags))
                if trials[id].get(trial.id, trial).state in (TrialState.RUNNING, trial.state):
                    trials[id][trial.id] = trial
        except MALFORMED as error:
            number = int(trial_tag) if trial_tag and trial_tag.isdecimal() else None
            why = f"its record in MLflow is unreadable: {error!r}"
            refused.append(Refusal(id, number, why[:REASON_LENGTH]))
    whole = (
        study.with_trials(tuple(trials[id][number] for number in sorted(trials[id])))
        for id, study in studies.items()
    )
    return PastStudies(tuple(whole), tuple(refused), started)


def _study(tags: dict[str, str]) -> Study:
    study = Study.from_json(read_record(tags))
    if study.id != tags[STUDY]:
        raise ValueError(f"it names study {study.id}")
    return study
