"""Runs the studies of an experiment one after the other, and goes on with an interrupted one.

The past is read once, before the first study, and kept with the experiment: no study learns from
another of the same experiment, whichever comes first.
"""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from signal import SIGINT

from tuner.cluster import Cluster
from tuner.comparison.runs import read_finished
from tuner.config import RunOptions
from tuner.design import Design, Member, Record, Slice
from tuner.driver import load_data, resume, run
from tuner.errors import Interrupted, JournalDamaged, NoTrialCompleted, TunerError, UsageError
from tuner.experiment_report import ExperimentReport, report
from tuner.importers.archive import write_archive
from tuner.journal_file import FILE_NAME as JOURNAL
from tuner.journal_file import read_journal
from tuner.past import frozen
from tuner.progress import announce, clock
from tuner.resources import allot
from tuner.rundir import RunLock, new_directory
from tuner.standing import Standing


def run_experiment(design: Design, options: RunOptions) -> ExperimentReport:
    """Run a new experiment; raises a ``TunerError`` for what a user can cause.

    Data, Ray and resources are tried before anything is written.
    """
    for config in design.configs:
        load_data(config, options.data_dir)
    with _cluster(design, options):
        pasts = {}
        for config in design.configs:
            pasts[config.task.id], told = frozen(config, options)
            if not options.quiet and "warm" in design.arms:
                announce(f"{config.task.id}: {told}")
        name = design.configs[0].task.id if len(design.configs) == 1 else "tasks"
        directory = new_directory(f"{name}-experiment", options.out, "experiments")
        with RunLock(directory):
            for task, studies in pasts.items():
                write_archive(directory / _history(task), studies)
            Record(design).write(directory)
            return _work(directory, Record(design), options)


def resume_experiment(directory: Path, options: RunOptions) -> ExperimentReport:
    """Go on with an experiment; one that is finished is only reported.

    Raises ``UsageError`` if it was begun with final fits and is to go on without.
    """
    directory = directory.absolute()
    record = Record.read(directory)
    kept = record.design.data_dir
    data_dir = options.data_dir or (Path(kept) if kept else None)
    if record.design.finalize and not options.finalize:
        what = "the arms are compared by their final models, too, as this experiment was begun"
        raise UsageError(f"--no-finalize: {what}. Leave it out.")
    options = replace(options, data_dir=data_dir, finalize=record.design.finalize)
    with RunLock(directory):
        if not _left(directory, record.design):
            return report(directory, record.design)
        with _cluster(record.design, options):
            return _work(directory, record, options)


@contextmanager
def _cluster(design: Design, options: RunOptions) -> Iterator[None]:
    """Ray, there and large enough for every study: they all run on this one."""
    with Cluster(options.address) as cluster:
        for config in design.configs:
            allot(config.resources, cluster.nodes)
        yield


def _history(task: str) -> str:
    return f"{task}-history.parquet"


def _work(directory: Path, record: Record, options: RunOptions) -> ExperimentReport:
    total = len(record.design.members())
    left = _left(directory, record.design)
    pace = _Pace()
    with _resumable(directory):
        for done, member in enumerate(left):
            if not options.quiet:
                place = f"study {total - len(left) + done + 1} of {total}"
                announce(
                    f"{place}: {member.task}, {member.arm}, seed {member.seed}"
                    f"{pace.left(left[done:])}"
                )
            record = _with_slice(directory, record, member, left[done:])
            part = record.slices[member.pair]
            if part.time_seconds == 0 or part.gpu_hours == 0:
                continue
            began = time.monotonic()
            _run_one(directory, record, member, options)
            pace.note(member, time.monotonic() - began)
    return report(directory, record.design)


def _run_one(directory: Path, record: Record, member: Member, options: RunOptions) -> None:
    """Run or resume one study; one in which no trial completes is told in the report."""
    design, place = record.design, directory / member.directory
    part = record.slices[member.pair]
    config = replace(part.of(design.config(member.task)), seed=member.seed)
    if member.arm == "tpe":
        config = replace(config, sampler="tpe")
    own = replace(
        options,
        arm=member.arm,
        out=place,
        known=directory / _history(member.task),
        command=design.study_command(member, part),
    )
    try:
        if (place / JOURNAL).is_file():
            resume(place, own)
        else:
            shutil.rmtree(place, ignore_errors=True)  # of a driver killed before its first event
            run(config, own)
    except NoTrialCompleted as error:
        if not options.quiet:
            announce(f"{place}: {error}")


def _left(directory: Path, design: Design) -> list[Member]:
    """The studies that are not finished."""
    return [
        member
        for member in design.members()
        if not _is_finished(directory / member.directory, design.finalize)
    ]


def _is_finished(place: Path, finalize: bool) -> bool:
    if not (place / JOURNAL).is_file():
        return False
    try:
        study, header, entries = read_journal(place)
    except JournalDamaged:  # the resume of the study says what can be done
        return False
    now = Standing(study, entries)
    if now.finished is None:
        return False
    seeds = header["config"]["final"]["seeds"]
    return not finalize or len(now.final_fits) >= seeds or now.study.best is None


def _with_slice(directory: Path, record: Record, member: Member, left: Sequence[Member]) -> Record:
    """Give all arms of a task and seed the same share of the total that is left, once."""
    if member.pair in record.slices:
        return record
    design = record.design
    parts = [
        None if total is None else max(0.0, total - used) / len(left)
        for total, used in zip(
            (design.time_seconds, design.gpu_hours), _used(directory, design), strict=True
        )
    ]
    record = replace(record, slices={**record.slices, member.pair: Slice(*parts)})
    record.write(directory)
    return record


def _used(directory: Path, design: Design) -> tuple[float, float]:
    """Seconds and GPU-hours of the studies whose search is over, with their final fits."""
    if design.time_seconds is None and design.gpu_hours is None:
        return 0.0, 0.0
    done = [
        read_finished(directory / member.directory)
        for member in design.members()
        if _is_finished(directory / member.directory, finalize=False)
    ]
    gpu_seconds = sum(run.bill.total.gpu_seconds for run in done)
    return sum(run.seconds for run in done), gpu_seconds / 3600


@contextmanager
def _resumable(directory: Path) -> Iterator[None]:
    """Whatever ends the experiment early says how to go on with it."""
    way = f"`tuner resume {directory}`"
    try:
        yield
    except Interrupted as error:
        raise Interrupted(error.exit_code - 128, f"interrupted. Go on with {way}.") from None
    except KeyboardInterrupt:
        raise Interrupted(SIGINT, f"interrupted. Go on with {way}.") from None
    except TunerError as error:
        *others, last = error.faults
        raise type(error)(*others, f"{last} Go on with the experiment by {way}.") from None


class _Pace:
    """How long studies take, to say how much time is left."""

    def __init__(self) -> None:
        self._seconds: dict[str, list[float]] = {}

    def note(self, member: Member, seconds: float) -> None:
        self._seconds.setdefault(member.task, []).append(seconds)

    def left(self, members: Sequence[Member]) -> str:
        """From the mean of the same task, or of all where that has not run yet."""
        known = [seconds for series in self._seconds.values() for seconds in series]
        if not known:
            return ""
        total = 0.0
        for member in members:
            series = self._seconds.get(member.task, known)
            total += sum(series) / len(series)
        return f" (about {clock(total)} left)"
