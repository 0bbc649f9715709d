"""Whole experiments, with a stand-in for the driver that writes what a study would."""

import json
from collections import defaultdict
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from meta.study import Measurement, Study, Task, TrialState
from tests.tuner.studies import METRIC, SPACE
from tuner import experiment
from tuner.comparison.compare import compare
from tuner.comparison.find import find_runs
from tuner.config import Resources, RunOptions, StudyConfig, Tracking
from tuner.design import FILE_NAME, Design, Record
from tuner.errors import (
    EnvironmentFault,
    Interrupted,
    NoTrialCompleted,
    RunDirectoryError,
    UsageError,
)
from tuner.events import Allotted, Ended, Event, FinalFit, Finished, Measured, Started, Used
from tuner.final_result import final_seeds
from tuner.importers.archive import read_archive
from tuner.journal import Journal
from tuner.resources import Node
from tuner.usage import Usage

CONFIG = StudyConfig(Task("toy", "curve"), "toy", METRIC, SPACE, resources=Resources(gpu=0))
OTHER = replace(CONFIG, task=Task("other", "curve"))
DESIGN = Design((CONFIG,), ("cold", "default", "warm"), (5, 6, 7), ("tuner run toy-curve",))
OPTIONS = RunOptions(quiet=True, use_history=False)


class Driver:
    """Runs studies of one trial; ``seconds`` is how long each takes, ``dies_at`` which ones end
    with an error, ``barren`` whether no trial completes, ``fits`` how many final fits get done,
    ``gpu`` what each training uses."""

    def __init__(self) -> None:
        self.asked: list[tuple[StudyConfig, RunOptions]] = []
        self.resumed: list[Path] = []
        self.dies_at: dict[int, BaseException] = {}
        self.barren = False
        self.versions = "1"
        self.fits: int | None = None
        self.gpu: Usage | None = None

    def run(self, config: StudyConfig, options: RunOptions) -> None:
        assert Cluster.there, "each study would start a Ray of its own beside it"
        self.asked.append((config, options))
        out = options.out
        assert out is not None
        out.mkdir(parents=True)
        if error := self.dies_at.get(len(self.asked)):
            (out / "prior.npz").touch()
            raise error
        name = f"{config.task.id}-{options.arm}-{config.seed}"
        study = Study(name, config.task, SPACE, METRIC, config.seed, options.arm)
        header = {
            "config": config.to_json(),
            "past": {"points": []},
            "versions": {"ray": self.versions},
        }
        log = Journal.create(out, study, header)
        log.append(Allotted(1.0, 1.0, 1, 1.0))
        log.append(Started(0, {"x": 0.5, "depth": 1}, "", 0))
        log.append(Measured(0, Measurement(1, 1.0 + config.seed, 1.0)))
        state = TrialState.FAILED if self.barren else TrialState.COMPLETED
        log.append(*self._used(0), Ended(0, state, "", 1.0))
        log.append(Finished("all trials done", log.ledger.gpu_hours))
        if self.barren:
            log.close()
            raise NoTrialCompleted("no trial completed")
        for seed in final_seeds(config.seed, config.final.seeds)[: self.fits]:
            log.append(*self._used(None), FinalFit({"x": 0.5, "depth": 1}, 1.0, seed=seed))
        log.close()

    def _used(self, trial: int | None) -> list[Event]:
        return [Used(trial, self.gpu)] if self.gpu else []

    def resume(self, directory: Path, options: RunOptions) -> None:
        assert Cluster.there
        self.resumed.append(directory)


class Cluster:
    """A Ray of one machine; none at ``nowhere:1``. It is there once its nodes were asked for."""

    there = False

    def __init__(self, address: str) -> None:
        self._address = address
        Cluster.there = False

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None: ...

    def start(self) -> None:
        if self._address == "nowhere:1":
            raise EnvironmentFault("cannot reach Ray")

    @property
    def nodes(self) -> list[Node]:
        self.start()
        Cluster.there = True
        return [Node(2, 0)]


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    stand_in = Driver()

    monkeypatch.setattr(experiment, "run", stand_in.run)
    monkeypatch.setattr(experiment, "resume", stand_in.resume)
    monkeypatch.setattr(experiment, "Cluster", Cluster)
    return stand_in


def order(driver: Driver) -> list[tuple[str, int]]:
    return [(options.arm, config.seed) for config, options in driver.asked]


def test_arms_are_interleaved_and_their_order_rotates(driver: Driver) -> None:
    experiment.run_experiment(DESIGN, OPTIONS)
    assert order(driver) == [
        *(("cold", 5), ("default", 5), ("warm", 5)),
        *(("default", 6), ("warm", 6), ("cold", 6)),
        *(("warm", 7), ("cold", 7), ("default", 7)),
    ]


def test_the_arm_tpe_is_sampled_by_tpe_and_the_others_as_the_task_says(driver: Driver) -> None:
    experiment.run_experiment(replace(DESIGN, arms=("tpe", "warm")), OPTIONS)
    samplers = {(options.arm, config.sampler) for config, options in driver.asked}
    assert samplers == {("tpe", "tpe"), ("warm", "meta-gp")}


def test_every_study_is_in_the_experiments_directory_and_compared(
    driver: Driver, tmp_path: Path
) -> None:
    report = experiment.run_experiment(DESIGN, replace(OPTIONS, out=tmp_path / "x"))
    assert (tmp_path / "x" / "toy-curve" / "warm-7" / "journal.db").is_file()
    assert report.comparison is not None
    assert len(report.comparison.contrasts) == 3
    json.dumps(report.to_json(), allow_nan=False)
    assert "compare again  tuner compare" in report.text()


def test_arms_that_were_run_one_by_one_are_compared_afterwards(
    driver: Driver, tmp_path: Path
) -> None:
    places = [tmp_path / arm for arm in ("cold", "warm")]
    for place in places:
        alone = replace(DESIGN, arms=(place.name,))
        report = experiment.run_experiment(alone, replace(OPTIONS, out=place))
        assert f"compare it     tuner compare {place} EXPERIMENT (another arm)" in report.text()
        assert "compare again" not in report.text(), "it would be refused"
    comparison = compare(*find_runs([str(place) for place in places]))
    assert comparison.contrasts[0].results[0].headline.pairs == 3


def test_no_study_learns_from_another_of_the_experiment(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store grows with every study; what a warm one is given does not."""
    store: list[Study] = []

    def read(config: StudyConfig, options: RunOptions) -> tuple[list[Study], str]:
        return list(store), "as of now"

    monkeypatch.setattr(experiment, "frozen", read)
    store.append(Study("before", CONFIG.task, SPACE, METRIC, 0, "warm"))
    run = driver.run

    def growing(config: StudyConfig, options: RunOptions) -> None:
        run(config, options)
        store.append(Study(f"new-{len(store)}", CONFIG.task, SPACE, METRIC, 0, "warm"))

    monkeypatch.setattr(experiment, "run", growing)
    experiment.run_experiment(DESIGN, OPTIONS)
    assert len(store) == 10
    for _, options in driver.asked:
        assert options.known is not None
        assert [study.id for study in read_archive(options.known)] == ["before"]


@pytest.mark.parametrize(
    ("changes", "config"),
    [({"address": "nowhere:1"}, CONFIG), ({}, replace(CONFIG, resources=Resources(gpu=1)))],
)
def test_what_is_missing_is_told_before_anything_is_written(
    driver: Driver, home: Path, changes: dict[str, str], config: StudyConfig
) -> None:
    with pytest.raises(EnvironmentFault):
        experiment.run_experiment(
            replace(DESIGN, configs=(config,)),
            replace(OPTIONS, **changes),  # type: ignore[arg-type]
        )
    assert not home.exists()


@pytest.mark.parametrize(
    ("error", "code"),
    [(Interrupted(15, "x"), 143), (KeyboardInterrupt(), 130), (EnvironmentFault("full."), 3)],
)
def test_an_interrupted_experiment_goes_on_with_what_is_left(
    driver: Driver, tmp_path: Path, error: BaseException, code: int
) -> None:
    driver.dies_at = {5: error}
    with pytest.raises((Interrupted, EnvironmentFault), match="tuner resume") as caught:
        experiment.run_experiment(DESIGN, replace(OPTIONS, out=tmp_path / "x"))
    assert caught.value.exit_code == code
    report = experiment.resume_experiment(tmp_path / "x", OPTIONS)
    assert order(driver)[4] == order(driver)[5] == ("warm", 6)
    assert len(driver.asked) == 10
    assert not report.missing


def test_a_finished_experiment_is_only_reported(driver: Driver, tmp_path: Path) -> None:
    first = experiment.run_experiment(DESIGN, replace(OPTIONS, out=tmp_path / "x"))
    again = experiment.resume_experiment(tmp_path / "x", replace(OPTIONS, address="nowhere:1"))
    assert len(driver.asked) == 9
    assert again.to_json() == first.to_json()


def test_what_was_begun_with_final_fits_does_not_go_on_without(
    driver: Driver, tmp_path: Path
) -> None:
    experiment.run_experiment(DESIGN, replace(OPTIONS, out=tmp_path / "x"))
    with pytest.raises(UsageError, match="--no-finalize: the arms are compared by their final"):
        experiment.resume_experiment(tmp_path / "x", replace(OPTIONS, finalize=False))


def test_a_study_that_was_begun_is_resumed_not_repeated(driver: Driver, tmp_path: Path) -> None:
    design = replace(DESIGN, finalize=False)
    experiment.run_experiment(design, replace(OPTIONS, out=tmp_path / "x"))
    begun = tmp_path / "x" / "toy-curve" / "cold-6"
    for file in begun.iterdir():
        file.unlink()
    study = Study("begun", CONFIG.task, SPACE, METRIC, 6, "cold")
    Journal.create(begun, study, {"config": CONFIG.to_json(), "past": {}}).close()
    experiment.resume_experiment(tmp_path / "x", OPTIONS)
    assert driver.resumed == [begun]
    assert len(driver.asked) == 9


def test_a_study_whose_journal_is_damaged_is_left_to_its_resume(
    driver: Driver, tmp_path: Path
) -> None:
    experiment.run_experiment(DESIGN, replace(OPTIONS, out=tmp_path / "x"))
    place = tmp_path / "x" / "toy-curve" / "cold-6"
    (place / "journal.db").write_bytes(b"")
    experiment.resume_experiment(tmp_path / "x", OPTIONS)
    assert driver.resumed == [place]


def test_a_study_that_lacks_a_final_fit_is_resumed(driver: Driver, tmp_path: Path) -> None:
    driver.fits, driver.dies_at = 2, {2: Interrupted(15, "x")}
    with pytest.raises(Interrupted):
        experiment.run_experiment(DESIGN, replace(OPTIONS, out=tmp_path / "x"))
    driver.fits = None
    experiment.resume_experiment(tmp_path / "x", OPTIONS)
    assert driver.resumed == [tmp_path / "x" / "toy-curve" / "cold-5"]


def test_each_study_has_the_command_of_its_own_seed(driver: Driver) -> None:
    """Which a resume compares with the study's file, and the page shows."""
    given = ("tuner run toy-curve --seed 5 --trials 3",)
    experiment.run_experiment(replace(DESIGN, commands=given), OPTIONS)
    commands = {config.seed: options.command for config, options in driver.asked}
    assert commands[5] == "tuner run toy-curve --trials 3 --seed 5"
    assert commands[7] == "tuner run toy-curve --trials 3 --seed 7"


@pytest.mark.parametrize(
    ("changes", "command"),
    [
        ({}, "tuner run toy-curve --set 'a=b c' --seed 5 --arms cold,default,warm --repeats 3"),
        (
            {"configs": (CONFIG, OTHER), "commands": ("tuner run toy-curve", "tuner run other")},
            "tuner run toy-curve other --seed 5 --arms cold,default,warm --repeats 3",
        ),
        (
            {"commands": ("tuner run toy-curve",), "time_seconds": 60.0, "arms": ("warm",)},
            "tuner run --all --seed 5 --arms warm --repeats 3",
        ),
    ],
)
def test_a_design_says_what_to_type_for_it(changes: dict[str, Any], command: str) -> None:
    given = {"commands": ("tuner run toy-curve --set 'a=b c'",), **changes}
    assert replace(DESIGN, **given).command == command


def test_a_total_budget_is_split_over_what_is_left_alike_for_all_arms(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve studies share 120 s; those of the first pair took 1 s each."""
    design = replace(
        DESIGN,
        configs=(CONFIG, OTHER),
        commands=("tuner run a", "tuner run b"),
        arms=("cold", "warm"),
        time_seconds=120.0,
    )
    used = iter([0.0, 2.0, 80.0, 120.0, 130.0, 140.0])
    monkeypatch.setattr(experiment, "_used", lambda directory, design: (next(used), 0.0))
    report = experiment.run_experiment(design, OPTIONS)
    given = [config.budget.time_seconds for config, _ in driver.asked]
    assert given == pytest.approx([10, 10, 11.8, 11.8, 5, 5])
    assert len(report.missing) == 6


@pytest.mark.parametrize(
    ("whole", "parts"),
    [({"gpu_hours": 12.0}, [3, 3, 4, 4]), ({"time_seconds": 60 * 3600.0}, [15, 15, 24, 24])],
)
def test_what_final_fits_took_is_not_handed_out_again(
    driver: Driver, monkeypatch: pytest.MonkeyPatch, whole: dict[str, float], parts: list[int]
) -> None:
    """Four studies share a total. Each takes five hours to search and one for its final fit, and
    one hour of a GPU for either."""
    hours = defaultdict(lambda: count(1))
    monkeypatch.setattr(
        Journal, "elapsed_seconds", property(lambda log: 3600.0 * next(hours[log.path]))
    )
    driver.gpu, driver.fits = Usage(3600.0, gpu=1.0, gpus=("a",)), 1
    design = replace(DESIGN, arms=("cold", "warm"), seeds=(5, 6), **whole)
    experiment.run_experiment(design, replace(OPTIONS, finalize=False))
    given = [
        budget.gpu_hours if "gpu_hours" in whole else (budget.time_seconds or 0) / 3600
        for budget in (config.budget for config, _ in driver.asked)
    ]
    assert given == pytest.approx(parts)


def test_an_experiment_in_which_nothing_completes_runs_on_and_says_so(driver: Driver) -> None:
    driver.barren = True
    with pytest.raises(NoTrialCompleted, match="no trial of any study completed"):
        experiment.run_experiment(DESIGN, OPTIONS)
    assert len(driver.asked) == 9


def test_arms_that_cannot_be_paired_are_reported_uncompared(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = (str(n) for n in range(9))
    run = driver.run

    def other(config: StudyConfig, options: RunOptions) -> None:
        driver.versions = next(versions)
        run(config, options)

    monkeypatch.setattr(experiment, "run", other)
    report = experiment.run_experiment(DESIGN, OPTIONS)
    assert report.comparison is None
    assert "versions.ray differs" in report.text()


def test_progress_says_what_runs_and_how_long_the_rest_may_take(
    driver: Driver, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment.run_experiment(DESIGN, replace(OPTIONS, quiet=False))
    said = capsys.readouterr().err.splitlines()
    assert said[0] == (
        "toy-curve: 0 past studies of your own to learn from, none of this experiment"
    )
    assert said[1] == "study 1 of 9: toy-curve, cold, seed 5"
    assert said[3].startswith("study 3 of 9: toy-curve, warm, seed 5 (about 0:0")


def test_no_password_is_in_the_file_of_an_experiment(tmp_path: Path) -> None:
    config = replace(CONFIG, tracking=Tracking("http://ann:secret@host:5000"))
    commands = ("tuner run toy-curve --tracking-uri http://ann:secret@host:5000",)
    Record(replace(DESIGN, configs=(config,), commands=commands)).write(tmp_path)
    assert "secret" not in (tmp_path / FILE_NAME).read_text()


def test_the_file_of_an_experiment_is_read_back_or_refused(tmp_path: Path) -> None:
    Record(DESIGN).write(tmp_path)
    assert Record.read(tmp_path) == Record(DESIGN)
    (tmp_path / FILE_NAME).write_text('{"version": 2}')
    with pytest.raises(RunDirectoryError, match="format 2, this tuner reads 1"):
        Record.read(tmp_path)
    with pytest.raises(RunDirectoryError, match="cannot be read"):
        Record.read(tmp_path / "nowhere")
