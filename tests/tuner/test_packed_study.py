"""A study whose trials share a GPU that is simulated: Ray counts it, its memory is files."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from meta.space import Categorical, Float, SearchSpace
from meta.study import Metric, Task, TrialState
from tests.tuner.simulated_gpu.network import PREDICTED, USED
from tuner.config import Budget, Resources, RunOptions, StudyConfig, Tracking, WarmStart
from tuner.driver import resume, run
from tuner.events import Event, Requeued, Used
from tuner.journal import Journal
from tuner.journal_file import connect_readonly, read_entries
from tuner.summary import PAGE_FILE, Report

pytestmark = [pytest.mark.ray, pytest.mark.slow]

SIMULATED = Path(__file__).parent / "simulated_gpu"
QUIET = RunOptions(quiet=True, use_history=False, finalize=False, allow_code=True)
CONTEXT = 550_000_000
WHOLE = 16 * 10**9


@pytest.fixture(scope="module")
def gpu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Ray whose workers find the simulated NVML and PyTorch; the folder that is its GPU."""
    import ray

    from tuner.cluster import ENVIRONMENT, join

    folder = tmp_path_factory.mktemp("gpu")
    ray.shutdown()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**ENVIRONMENT, "SIMULATED_GPU": str(folder)}.items():
            patch.setenv(name, value)
        patch.setenv("PYTHONPATH", str(SIMULATED), prepend=os.pathsep)
        patch.setenv("TUNER_HOME", str(folder / "home"))
        join("local", num_cpus=2, num_gpus=1)
        yield folder
        ray.shutdown()


@pytest.fixture(scope="module")
def report(gpu: Path, mlflow_store: str) -> Report:
    """Two trials at once by their memory, a third in the worker of one, and one that needs more."""
    config = StudyConfig(
        task=Task("bowl", "curve"),
        trainable="network:train",
        code=str(SIMULATED),
        metric=Metric("loss", "min", 0.0, 10.0),
        space=SearchSpace({"x": Float(0.0, 1.0), "memory": Categorical(tuple(PREDICTED))}),
        seed=2,
        sampler="random",
        budget=Budget(trials=4, max_steps=4, grace_steps=4),
        resources=Resources(cpu=0.5, gpu="auto"),
        warm_start=WarmStart(starter=False),
        tracking=Tracking(mlflow_store, "packed"),
    )
    return run(config, QUIET)


def events(directory: Path) -> list[Event]:
    reader = connect_readonly(directory)
    found = [entry.event for entry in read_entries(reader)]
    reader.close()
    return found


def test_trials_that_fit_together_run_together_and_wait_until_memory_is_free(
    gpu: Path, report: Report
) -> None:
    """Had the third begun in the worker of the first at once, 18 GB would have been asked for."""
    held = [int(line) for line in (gpu / "log").read_text().split()]
    assert held[:2] == [USED["right"], 2 * USED["right"]]
    assert max(held) <= WHOLE
    again = [event.trial for event in events(report.directory) if isinstance(event, Requeued)]
    assert again == [3]


def test_what_runs_out_of_gpu_memory_is_repeated_unchanged_and_disturbs_nobody(
    report: Report,
) -> None:
    log = Journal.open(report.directory)
    ledger, trials = log.ledger, list(log.trials.values())
    log.close()
    assert [t.config["memory"] for t in trials] == ["right", "right", "right", "too low"]
    assert {(t.state, t.step) for t in trials} == {(TrialState.COMPLETED, 4)}
    (again,) = ledger.requeued[3]
    assert (again.gpu, again.reason[:37]) == (1.0, "out of memory (gpu): CUDA out of memo")
    assert [ledger.trials[n].gpu for n in range(4)] == [0.5, 0.5, 0.5, 1.0]
    assert ledger.trials[3].peak_gpu_bytes == USED["too low"] + CONTEXT
    assert ledger.predicted_bytes[0] == PREDICTED["right"]
    assert not list((report.directory / "checkpoints").glob("*"))
    assert 0 < ledger.gpu_hours <= report.seconds / 3600


def test_what_was_used_is_in_the_summary_and_on_the_page(report: Report) -> None:
    assert "GPU memory up to 9.6 GB" in report.text()
    assert "1 repeated for lack of GPU memory" in report.text()
    page = (report.directory / PAGE_FILE).read_text()
    assert "simulated" in page
    assert "Repeated with more of a GPU" in page


def test_a_trial_that_was_to_be_repeated_when_the_study_was_cut_off_keeps_its_larger_share(
    report: Report, tmp_path: Path
) -> None:
    cut = _cut_after_repeat(report.directory, tmp_path / "cut")
    again = resume(cut, QUIET)
    assert [trial.state for trial in again.study.trials] == [TrialState.COMPLETED] * 4
    used = [event for event in events(cut) if isinstance(event, Used) and event.trial == 3]
    assert [event.usage.gpu for event in used if event.usage.steps] == [1.0, 1.0]


def _cut_after_repeat(directory: Path, copy: Path) -> Path:
    """As if the driver had been killed when the trial had run out of memory, the last to run."""
    log = Journal.open(directory)
    happened = events(directory)
    last = next(n for n, event in enumerate(happened) if isinstance(event, Requeued))
    others = [event for event in happened[last:] if getattr(event, "trial", 3) != 3]
    copy.mkdir()
    cut = Journal.create(copy, replace(log.study, id="cut", trials=()), log.header)
    cut.append(*happened[: last + 1], *others)
    cut.close()
    log.close()
    return copy
