"""Runs one study from its past to its final fit, and goes on with one that was interrupted."""

import os
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from meta.study import Study
from trainables.base import Data, DataError, DataRequest, DataUnavailable
from tuner import code
from tuner.changes import config_changes, machine, version_changes, versions
from tuner.cluster import Cluster
from tuner.config import RunOptions, StudyConfig
from tuner.errors import (
    EnvironmentFault,
    JournalDamaged,
    NoTrialCompleted,
    TunerError,
    UsageError,
)
from tuner.home import default_tracking_uri, home, redact, redacted, with_password
from tuner.journal import Journal
from tuner.model_card import write_card
from tuner.past import Past, read_past
from tuner.priors import save_prior
from tuner.progress import announce, show_final_fits, shown
from tuner.repair import repair, salvage
from tuner.resources import allot
from tuner.rundir import RunLock, kept_if_used, model_bytes, new_directory, write_status
from tuner.session import session
from tuner.summary import PAGE_FILE, Report
from tuner.threads import one_thread
from tuner.tracking import Projector

CATCH_UP_SECONDS = 30.0
SLOWEST_UPLOAD = 1e6
"""Bytes of the final model a second that are waited for."""


@one_thread
def run(config: StudyConfig, options: RunOptions) -> Report:
    """Run a new study; raises a ``TunerError`` for what a user can cause."""
    data = load_data(config, options.data_dir)
    made = new_directory(f"{config.task.id}-{options.arm}-{config.seed}", options.out)
    with kept_if_used(made) as directory, Cluster(options.address) as cluster:
        cluster.start()
        past = read_past(config, options, data.features)
        if options.arm == "warm" and not options.quiet:
            announce(past.text())
        # What cannot run is told before a file is made.
        allot(config.resources, cluster.machines(config.resources))
        with RunLock(directory):
            save_prior(directory, past.prior)
            study, header = _new_study(config, options, data), _header(config, options, past)
            journal = Journal.create(directory, study, header)
            return _carry_on(journal, config, options, data, cluster)


def _new_study(config: StudyConfig, options: RunOptions, data: Data) -> Study:
    return Study(
        id=uuid.uuid4().hex[:12],
        task=config.task,
        space=config.space,
        metric=config.metric,
        seed=config.seed,
        arm=options.arm,
        features=data.features,
        fingerprint=data.fingerprint,
    )


@one_thread
def resume(directory: Path, options: RunOptions) -> Report:
    """Go on with an interrupted study; one that is finished is only reported.

    Raises ``RunDirectoryError`` if the directory holds no study, or somebody works on it, and
    ``UsageError`` if the study's file or its data have changed.
    """
    _check(directory, options)
    return _go_on(directory, options)


def finalize(directory: Path, options: RunOptions) -> Report:
    """Train, test and keep the best configuration of a study whose search is over.

    Raises ``UsageError`` if it is not, and what ``resume`` raises.
    """
    journal = Journal.open(directory)
    journal.close()
    if journal.finished is None:
        raise UsageError(
            f"{directory}: the search is not over. Go on with `tuner resume {directory}`, which"
            " trains the final model too."
        )
    return _go_on(directory, options)


def _go_on(directory: Path, options: RunOptions) -> Report:
    with RunLock(directory):
        if options.repair:
            _mend(directory)
        journal = Journal.open(directory)
        _tell_changes(journal, directory)
        config = StudyConfig.from_json(journal.header["config"])
        if problem := code.problem(config.trainable, config.code, options.allow_code):
            raise UsageError(f"{directory}: {problem}")
        data_dir = options.data_dir or journal.header["data_dir"]
        data = load_data(config, data_dir and Path(data_dir))
        if data.fingerprint != journal.study.fingerprint:
            raise UsageError(
                f"{directory}: the data differ from those of the study (fingerprint"
                f" {data.fingerprint}, was {journal.study.fingerprint}). Give the same --data-dir,"
                " or start a new study."
            )
        with Cluster(options.address) as cluster:
            return _carry_on(journal, config, options, data, cluster)


def _check(directory: Path, options: RunOptions) -> None:
    """Look before the lock is taken: a folder without a study is left as it is."""
    try:
        Journal.open(directory).close()
    except JournalDamaged as error:
        if not options.repair:
            raise JournalDamaged(f"{error} Then {salvage(directory).text()}.") from None


def _mend(directory: Path) -> None:
    try:
        Journal.open(directory).close()
    except JournalDamaged:
        announce(f"{directory}: {repair(directory)}")


def _tell_changes(journal: Journal, directory: Path) -> None:
    if changes := config_changes(journal.header):
        journal.close()
        raise UsageError(
            *(
                f"{directory}: its file changed since: {change}. Undo that, or start a new study."
                for change in changes
            )
        )
    if others := version_changes(journal.header):
        announce(f"warning: other versions than before ({'; '.join(others)})")


def load_data(config: StudyConfig, data_dir: Path | None) -> Data:
    """The data of a study; raises ``UsageError`` or ``EnvironmentFault`` if they are not usable."""
    trainable = code.load(config.trainable, config.code)
    if trainable.load is None:
        return Data(None, "", {}, {})
    request = DataRequest(
        dataset=config.task.dataset,
        seed=config.seed,
        split=config.split,
        metric=config.metric.name,
        directory=data_dir,
        cache=home() / "data",
        synthetic=config.synthetic,
        model=config.task.model,
        options=config.model.given,
    )
    try:
        return trainable.load(request)
    except DataUnavailable as error:
        raise EnvironmentFault(str(error)) from None
    except DataError as error:
        raise UsageError(*str(error).splitlines()) from None


def _header(config: StudyConfig, options: RunOptions, past: Past) -> dict[str, Any]:
    return {
        "config": redacted(config.to_json()),
        "data_dir": options.data_dir and str(options.data_dir.absolute()),
        "past": redacted(past.to_json()),
        "command": redact(options.command or f"tuner run {config.task.id} --seed {config.seed}"),
        "folder": str(Path.cwd()),
        "versions": versions(),
        "machine": machine(),
    }


def _carry_on(
    journal: Journal, config: StudyConfig, options: RunOptions, data: Data, cluster: Cluster
) -> Report:
    """Do what is left of a study: its trials, then the final fit."""
    directory = journal.path.parent
    uri = with_password(config.tracking.uri or default_tracking_uri())
    projector = Projector(directory, uri, config.tracking.experiment)
    projector.start()
    try:
        with _status(directory):
            untested = journal.study.best and journal.seeds_left(config.final.seeds)
            if journal.finished is None or (options.finalize and untested):
                _work(journal, config, options, data, cluster)
            if journal.study.best is None:
                raise NoTrialCompleted(*_why_none_completed(journal.study))
            assert journal.finished is not None
    finally:
        _write_page(directory)
        write_card(directory, data.rows)
        projector.finish(CATCH_UP_SECONDS + model_bytes(directory) / SLOWEST_UPLOAD)
        journal.close()
    return Report(
        study=journal.study,
        tested=journal.tested,
        finished=journal.finished,
        directory=directory,
        tracking_uri=uri,
        tracking_problem=projector.problem,
        model=projector.model,
        seconds=journal.seconds,
        synthetic=config.synthetic,
        command=journal.header["command"],
        past=journal.header["past"],
        usage=journal.ledger.to_json(),
    )


def _write_page(directory: Path) -> None:
    """Show what the journal holds; the page is a view of it and must not cost a result."""
    from tuner.report import write_report

    try:
        write_report([directory], directory / PAGE_FILE)
    except Exception as error:
        announce(f"{PAGE_FILE} not written ({error}); `tuner report {directory}` tries again")


def _work(
    journal: Journal, config: StudyConfig, options: RunOptions, data: Data, cluster: Cluster
) -> None:
    if not options.quiet:
        announce(f"Ray: {options.address}")
    with session(journal, config, cluster, data.payload) as at_work:
        from tuner.finalize import FinalFits
        from tuner.trials import run_trials

        if journal.finished is None:
            fits = len(journal.seeds_left(config.final.seeds)) if options.finalize else 0
            with shown(journal, config.budget.trials, options.quiet):
                run_trials(at_work, fits)
        best = journal.study.best
        if best is not None and options.finalize:
            seeds = journal.seeds_left(config.final.seeds)
            if not options.quiet:
                show_final_fits(journal, len(seeds))
            FinalFits(at_work, best, data.held_out).run(seeds)


def _why_none_completed(study: Study) -> list[str]:
    """One line for each different reason of a failure, the most frequent first."""
    failed = [trial for trial in study.trials if trial.state.failed]
    if not failed:
        return ["no trial completed: the budget was spent before. Give it more time or trials."]
    reasons = Counter(trial.reason.split("\n")[0] for trial in failed)
    advice = "Mend the trainable or the space, then start a new study."
    return [f"no trial completed: {why} ({n} times). {advice}" for why, n in reasons.most_common()]


@contextmanager
def _status(directory: Path) -> Iterator[None]:
    """Keep ``status.json`` in step: a job's exit code gets lost on the way to its submitter."""
    write_status(directory, state="running", pid=os.getpid())
    try:
        yield
    except TunerError as error:
        with suppress(EnvironmentFault):  # it may be what went wrong
            code, what = error.exit_code, redact(str(error))
            write_status(directory, state="ended", exit_code=code, error=what)
        raise
    write_status(directory, state="ended", exit_code=0)
