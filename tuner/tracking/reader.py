"""Reads past studies back from MLflow, from their records alone, in a few calls."""

from collections import defaultdict
from collections.abc import Callable
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
        gathered = _Gathered()
        ours = find_runs(client, found.experiment_id, f"tags.`{STUDY}` != ''")
        for run in islice(ours, MOST_RUNS):
            gathered.take(run)
        return gathered.past()
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


class _Gathered:
    """What the runs read so far hold."""

    def __init__(self) -> None:
        self._studies: dict[str, Study] = {}
        self._trials: dict[str, dict[int, Trial]] = defaultdict(dict)
        self._refused: list[Refusal] = []
        self._started: dict[str, float] = {}

    def take(self, run: "Run") -> None:
        """Read the record of a run; refuse it if that cannot be read."""
        tags = run.data.tags
        id, trial_tag = tags[STUDY], tags.get(TRIAL)
        try:
            if trial_tag is None:
                self._studies.setdefault(id, _study(tags))
                self._started.setdefault(id, run.info.start_time / 1000)
            else:
                self._take_trial(self._trials[id], Trial.from_json(read_record(tags)))
        except MALFORMED as error:
            number = int(trial_tag) if trial_tag and trial_tag.isdecimal() else None
            why = f"its record in MLflow is unreadable: {error!r}"
            self._refused.append(Refusal(id, number, why[:REASON_LENGTH]))

    def past(self) -> PastStudies:
        """The studies with their trials; trials without a study are those of a deleted one."""
        whole = (
            study.with_trials(tuple(self._trials[id][n] for n in sorted(self._trials[id])))
            for id, study in self._studies.items()
        )
        return PastStudies(tuple(whole), tuple(self._refused), self._started)

    @staticmethod
    def _take_trial(trials: dict[int, Trial], trial: Trial) -> None:
        """Of a trial that is there twice, keep the run in which it ended."""
        if trial.id not in trials or trials[trial.id].state is TrialState.RUNNING:
            trials[trial.id] = trial


def _study(tags: dict[str, str]) -> Study:
    study = Study.from_json(read_record(tags))
    if study.id != tags[STUDY]:
        raise ValueError(f"it names study {study.id}")
    return study
