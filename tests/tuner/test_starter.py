"""The file that ships: it is what the program of today would make of its own data sets."""

from collections import Counter
from importlib.metadata import version
from pathlib import Path
from statistics import median

import pytest

import trainables
from benchmarks.r_tables import TABLES
from meta.features import relatedness
from meta.history import sift
from meta.study import Study, TrialState
from trainables.base import Data, DataRequest
from tuner.catalogue import configs
from tuner.context import Batch, TrialContext, TrialSetting
from tuner.starter import PATH, starter_studies
from tuner.training import run_training

TASKS = {id: config for id, config in configs().items() if config.trainable == "tabular"}
FETCHED = {"adult", "wine-quality"}


@pytest.fixture(scope="module")
def studies() -> list[Study]:
    return starter_studies()


@pytest.fixture(scope="module")
def built_in(studies: list[Study]) -> list[Study]:
    """Those of the tasks that come with the program."""
    return [study for study in studies if study.task.id in TASKS]


def data_of(study: Study, directory: Path | None = None) -> Data:
    load = trainables.get("tabular").load
    assert load is not None
    return load(DataRequest(study.task.dataset, study.seed, directory=directory))


def test_every_tabular_task_was_tuned_twice(built_in: list[Study]) -> None:
    assert Counter(study.task.id for study in built_in) == dict.fromkeys(TASKS, 2)


def test_every_table_of_r_was_tuned_with_either_model(studies: list[Study]) -> None:
    tuned = Counter(study.task.dataset for study in studies if study.task.id not in TASKS)
    assert tuned == dict.fromkeys((table.dataset for table in TABLES), 2)


def test_no_two_studies_are_one(studies: list[Study]) -> None:
    assert len({study.id for study in studies}) == len(studies)
    assert len({study.fingerprint for study in studies}) == len(studies) / 2  # both models


def test_it_is_thousands_of_trials_in_less_than_a_megabyte(studies: list[Study]) -> None:
    assert sum(len(study.trials) for study in studies) >= 6_000
    assert PATH.stat().st_size < 1 << 20


def test_it_searched_what_the_tasks_search(studies: list[Study]) -> None:
    for study in studies:
        config = TASKS.get(study.task.id, TASKS[f"wine-quality-{study.task.model}"])
        assert (study.space, study.metric) == (config.space, config.metric)
        for trial in study.trials:
            assert trial.state is TrialState.COMPLETED
            assert study.space.problems(trial.config) == []
            assert study.space.problems(trial.recommended) == []
            assert [item.step for item in trial.measurements] == list(range(1, 11))


def test_a_study_starts_with_the_default_and_then_follows_one_sampler(
    studies: list[Study],
) -> None:
    for study in studies:
        first, *rest = study.trials
        assert (first.origin, first.config) == ("default", study.space.default())
        assert len({trial.origin for trial in rest}) == 1
        assert rest[0].origin in study.id


def test_tpe_ended_with_better_values_than_it_began_with(built_in: list[Study]) -> None:
    for study in built_in:
        values = [trial.value for trial in study.trials if trial.value is not None]
        if study.trials[-1].origin == "tpe":
            assert median(values[-20:]) < median(values[:20])


def test_the_bundled_data_are_described_as_today(built_in: list[Study]) -> None:
    for study in built_in:
        if study.task.dataset not in FETCHED:
            described_as_today(study, data_of(study))


def test_the_fetched_data_are_described_as_today(built_in: list[Study], shared_dir: Path) -> None:
    for study in built_in:
        if study.task.dataset in FETCHED:
            described_as_today(study, data_of(study, shared_dir / "data"))


def described_as_today(study: Study, data: Data) -> None:
    assert study.fingerprint == data.fingerprint
    assert study.features == pytest.approx(data.features)


def test_the_most_related_study_is_another_split_of_the_same_data(
    studies: list[Study], built_in: list[Study]
) -> None:
    for study in built_in:
        others = [other for other in studies if other.fingerprint != study.fingerprint]
        related = relatedness(study.features, [other.features for other in others])
        assert others[int(related.argmax())].task.dataset == study.task.dataset


MADE_WITH = {"xgboost": "3.2.", "lightgbm": "4.7."}
"""Other versions draw other rows, which on a hundred of them is a large difference."""


@pytest.mark.parametrize("task", ["cpu-xgboost", "cpu-lightgbm"])
def test_a_trial_can_be_repeated(task: str, studies: list[Study], tmp_path: Path) -> None:
    study = next(study for study in studies if study.task.id == task)
    trial = study.trials[7]
    batches: list[Batch] = []
    whole = {"early_stopping": 0}
    setting = TrialSetting(
        "tabular", study.task.model, study.metric, 10, (), tmp_path, options=whole
    )
    payload = data_of(study).payload
    context = TrialContext(setting, trial.id, trial.seed, payload, batches.append)
    run_training(setting, context, trial.config)
    values = [item["value"] for batch in batches for item in batch["measurements"]]
    same = version(study.task.model).startswith(MADE_WITH[study.task.model])
    expected = [item.value for item in trial.measurements]
    assert values == pytest.approx(expected, rel=1e-3 if same else 0.5)


@pytest.mark.parametrize("task", TASKS)
def test_sifting_keeps_it_for_every_task(task: str, studies: list[Study]) -> None:
    config = TASKS[task]
    kept = sift(studies, config.task.model, config.space, config.metric).kept
    same_model = {study.id for study in studies if study.task.model == config.task.model}
    assert {study.id for study in kept} >= same_model
