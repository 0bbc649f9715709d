"""What befalls trials, on a real Ray: one study with faults of every kind, and one without.

Both have the same trials, by a random sampler; half of the faulty one's meet a fault (``traced``).
"""

import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.faults import plain_ray, traced
from benchmarks.faults.journal import Figures
from meta.space import Categorical, Float, SearchSpace
from meta.study import Metric, Study, Task, Trial, TrialState
from tuner.config import Budget, Resources, RunOptions, StudyConfig, Tracking, WarmStart
from tuner.driver import resume, run
from tuner.errors import NoTrialCompleted
from tuner.events import Ended, Measured, Started
from tuner.journal_file import connect_readonly, read_entries
from tuner.past import read_past

TRIALS, STEPS = 60, 9
STEP_TIMEOUT = 4.0
SEED = 14
XY = SearchSpace({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})


@dataclass(frozen=True)
class Traced:
    """A study that ran: its trials, the steps that were begun by ``x``, the waits for hung ones."""

    study: Study
    begun: dict[str, list[int]]
    waits: list[float]

    def with_fault(self, *faults: str) -> list[Trial]:
        return [trial for trial in self.study.trials if traced.fault_of(trial.config) in faults]

    def states(self, *faults: str) -> str:
        counts = Counter(f"{trial.state}" for trial in self.with_fault(*faults))
        return ", ".join(f"{count} {state}" for state, count in counts.items())

    def repeated(self, *faults: str) -> list[int]:
        """For each trial how many steps were begun once more."""
        steps = [self.begun.get(str(t.config["x"]), []) for t in self.with_fault(*faults)]
        return [len(of) - len({*of}) for of in steps]


def config(model: str, folder: Path) -> StudyConfig:
    return StudyConfig(
        task=Task("bowl", model),
        trainable="traced:train",
        metric=Metric("loss", "min", 0.0, 10.0),
        space=XY,
        seed=SEED,
        sampler="random",
        budget=Budget(TRIALS, max_steps=STEPS, grace_steps=3, step_timeout_seconds=STEP_TIMEOUT),
        resources=Resources(cpu=1, gpu=0),
        warm_start=WarmStart(starter=False),
        tracking=Tracking(f"sqlite:///{folder / 'mlflow.db'}"),
        code=str(folder),
    )


@contextmanager
def one_ray() -> Iterator[None]:
    """A Ray for all studies inside, where none is there."""
    import ray

    from tuner.cluster import join

    if ray.is_initialized():
        yield
        return
    join("local", num_cpus=2)
    try:
        yield
    finally:
        ray.shutdown()


def _run(model: str, folder: Path) -> Traced:
    shutil.copy(traced.__file__, folder)
    options = RunOptions(
        quiet=True, use_history=False, finalize=False, data_dir=folder, address="local"
    )
    report = run(config(model, folder), options)
    begun: dict[str, list[int]] = {}
    for line in (folder / traced.TRACE).read_text().splitlines():
        x, step = line.split()
        begun.setdefault(x, []).append(int(step))
    return Traced(report.study, begun, _waits(report.directory))


def _waits(directory: Path) -> list[float]:
    """The seconds between the last sign of a trial that hung and its end."""
    heard: dict[int, float] = {}
    waits = []
    reader = connect_readonly(directory)
    for entry in read_entries(reader):
        match entry.event:
            case Started(trial) | Measured(trial):
                heard[trial] = entry.elapsed_seconds
            case Ended(trial, _, reason) if reason.startswith("no report"):
                waits.append(entry.elapsed_seconds - heard[trial])
    reader.close()
    return waits


@cache
def faulty() -> Traced:
    with TemporaryDirectory() as folder, one_ray():
        return _run("faulty", Path(folder))


@cache
def sound() -> Traced:
    with TemporaryDirectory() as folder, one_ray():
        return _run("sound", Path(folder))


def killed_workers(folder: Path) -> Figures:
    found = faulty()
    return {
        "killed at each try": found.states("kill"),
        "killed once": found.states("kill_once"),
        "steps redone by each of the latter": max(found.repeated("kill_once")),
        "trials of others affected": _affected(found),
    }


def left_workers(folder: Path) -> Figures:
    return {"left with code 0 at each try": faulty().states("exit")}


def raising(folder: Path) -> Figures:
    found = faulty()
    (reason, *_) = {trial.reason.splitlines()[0] for trial in found.with_fault("raise")}
    return {
        "raised": found.states("raise"),
        "told": reason.split(" (")[0],
        "trials of others affected": _affected(found),
    }


def silent(folder: Path) -> Figures:
    found = faulty()
    with one_ray():
        survives = plain_ray.survives_silence()
    return {
        "reported nothing": found.states("silent"),
        "trials of the study that ended": f"{len(found.study.trials)} of {TRIALS}",
        "plain Ray Tune with OptunaSearch survives it": "yes" if survives else "no",
    }


def hanging(folder: Path) -> Figures:
    found = faulty()
    return {
        "hung": found.states("hang"),
        "s over the limit at most": round(max(found.waits) - STEP_TIMEOUT, 1),
    }


def not_a_number(folder: Path) -> Figures:
    found = faulty()
    steps = [max(found.begun[str(t.config["x"])]) - traced.AT for t in found.with_fault("nan")]
    with one_ray():
        plain = plain_ray.steps_after_nan()
    return {
        "NaN at step 2": found.states("nan"),
        "steps wasted by each": max(steps),
        "by plain Ray Tune with ASHA": plain,
    }


def infinite(folder: Path) -> Figures:
    found, other = faulty(), sound()
    return {
        "infinite": found.states("inf"),
        "37 where 10 is the most": found.states("out_of_range"),
        "share of sound trials that ASHA stopped": _stopped(found),
        "without any fault": _stopped(other),
    }


def _stopped(found: Traced) -> str:
    """Of the trials that meet no fault in the faulty study."""
    trials = found.with_fault("ok")
    return f"{sum(t.state is TrialState.STOPPED for t in trials) / len(trials):.0%}"


def _affected(found: Traced) -> int:
    return sum(trial.state.failed for trial in found.with_fault("ok"))


def out_of_memory(folder: Path) -> Figures:
    found = faulty()
    reasons = {trial.reason.splitlines()[0] for trial in found.with_fault("memory")}
    return {"more memory than the worker may have": found.states("memory"), "told": min(reasons)}


def all_fail(folder: Path) -> Figures:
    space = SearchSpace({**XY.parameters, "mode": Categorical(("raise", "silent"))})
    broken = replace(config("curve", folder), trainable="toy", space=space, code=None)
    began = time.monotonic()
    try:
        with one_ray():
            run(broken, RunOptions(quiet=True, use_history=False, out=folder / "run"))
    except NoTrialCompleted as error:
        seconds = round(time.monotonic() - began, 1)
        reader = connect_readonly(folder / "run")
        burnt = sum(isinstance(entry.event, Started) for entry in read_entries(reader))
        reader.close()
        return {
            "exit code": error.exit_code,
            "trials burnt": burnt,
            "of": TRIALS,
            "reasons told": len(error.faults),
            "s": seconds,
        }
    raise AssertionError("it completed")


def twice(folder: Path) -> Figures:
    """The same command again: a directory of its own, and the same trials count once."""
    with one_ray():
        first, second = _run("sound", folder), _run("sound", folder)
    past = read_past(config("sound", folder), RunOptions())
    used = sum(source.trials for source in past.sources)
    return {
        "studies in the history": len({first.study.id, second.study.id}),
        "trials in them": len(first.study.trials) + len(second.study.trials),
        "distinct trials used": used,
    }


def finished(folder: Path) -> Figures:
    """Resume a study that is over; whether two may work on one is row 27."""
    shutil.copy(traced.__file__, folder)
    options = RunOptions(
        quiet=True, use_history=False, finalize=False, data_dir=folder, out=folder / "run"
    )
    with one_ray():
        report = run(replace(config("sound", folder), budget=Budget(trials=4)), options)
    before = (folder / "run" / "journal.db").read_bytes()
    (folder / "run" / "report.html").unlink()
    began = time.monotonic()
    again = resume(folder / "run", replace(options, out=None, allow_code=True))
    return {
        "s to the report of a finished study": round(time.monotonic() - began, 1),
        "the same study": again.study == report.study,
        "journal untouched": (folder / "run" / "journal.db").read_bytes() == before,
        "page written again": (folder / "run" / "report.html").exists(),
    }
