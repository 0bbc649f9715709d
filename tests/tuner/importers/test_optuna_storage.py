"""Studies that Optuna itself wrote, whole and damaged."""

import warnings
from pathlib import Path

import optuna
import pytest

from tests.tuner.importers.tasks import adopted, brief, trials
from tuner.errors import EnvironmentFault, UsageError
from tuner.importers.optuna_storage import read_optuna
from tuner.importers.sources import locate

optuna.logging.set_verbosity(optuna.logging.ERROR)


def objective(trial: optuna.Trial) -> float:
    rate = trial.suggest_float("lr", 0.01, 0.9, log=True)
    trial.suggest_int("depth", 1, 9)
    trial.suggest_categorical("kind", ["a", True, 2, None])
    trial.set_user_attr("mae", rate / 2)
    trial.set_user_attr("note", "hello")
    for step in range(4):
        trial.report(rate / (step + 1), step)
        if trial.number == 2 and step == 1:
            raise optuna.TrialPruned
    if trial.number == 3:
        raise ValueError("boom")
    return rate


def fill(storage: "str | optuna.storages.BaseStorage", name: str = "theirs") -> optuna.Study:
    """Six trials: two complete, one pruned, one failed, one complete, one that goes on."""
    study = optuna.create_study(
        storage=storage, study_name=name, sampler=optuna.samplers.RandomSampler(0)
    )
    for kind in ("a", True, 2, "a", None):
        study.enqueue_trial({"kind": kind})
    study.optimize(objective, 5, catch=(ValueError,))
    study.ask()
    return study


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, optuna.Study]:
    path = tmp_path_factory.mktemp("optuna") / "study.db"
    return path, fill(f"sqlite:///{path}")


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, optuna.Study]:
    path = tmp_path_factory.mktemp("journal") / "study.log"
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    return path, fill(optuna.storages.JournalStorage(backend))


def test_a_database_is_read_with_states_curves_and_values(
    written: tuple[Path, optuna.Study],
) -> None:
    path, theirs = written
    before = path.read_bytes()
    item = adopted(read_optuna(f"sqlite:///{path}"))
    values = [trial.value for trial in theirs.trials]
    assert brief(item) == {
        0: ("COMPLETED", values[0], 10),
        1: ("COMPLETED", values[1], 10),
        2: ("STOPPED", theirs.trials[2].intermediate_values[1], 5),
        3: ("FAILED", theirs.trials[3].intermediate_values[3], 9),
    }
    first = trials(item)[0]
    assert [m.step for m in first.measurements] == [3, 5, 8, 10]
    assert first.config == {
        "learning_rate": theirs.trials[0].params["lr"],
        "max_depth": theirs.trials[0].params["depth"],
        "kind": "a",
        "subsample": 1.0,
    }
    assert trials(item)[1].config["kind"] is True
    assert first.seconds == theirs.trials[0].duration.total_seconds()  # type: ignore[union-attr]
    assert first.trained_seconds == first.seconds
    assert {(r.trial_id, r.reason) for r in item.refused} == {
        (4, "kind: one of a, b, True, 2 expected, got 'None'"),
        (5, "has not ended"),
    }
    assert path.read_bytes() == before


@pytest.mark.parametrize("folder", ["a # b", "100%", "%41", "what?", "{x}", "é"])
def test_a_database_may_lie_anywhere(
    written: tuple[Path, optuna.Study], tmp_path: Path, folder: str
) -> None:
    place = tmp_path / folder / "study.db"
    place.parent.mkdir()
    place.write_bytes(written[0].read_bytes())
    kind, source = locate(str(place), None)
    assert kind == "optuna"
    assert len(read_optuna(source).studies[0].trials) == 6


def test_a_journal_file_holds_the_same(journal: tuple[Path, optuna.Study]) -> None:
    path, theirs = journal
    before = path.read_bytes()
    item = adopted(read_optuna(str(path)))
    assert [t.value for t in trials(item).values()][:2] == [t.value for t in theirs.trials[:2]]
    assert len(trials(item)) == 4
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("tail", [b'{"op_code": 4, "wor', b"\xff\xfe\0", b"[" * 100_000, b"7\n{}"])
def test_of_a_torn_journal_what_comes_before_is_read(
    journal: tuple[Path, optuna.Study], tmp_path: Path, tail: bytes
) -> None:
    path = tmp_path / "torn.log"
    path.write_bytes(journal[0].read_bytes() + tail)
    found = read_optuna(str(path))
    assert len(found.studies[0].trials) == 6
    (refusal,) = found.refused
    assert refusal.reason.startswith("the file is damaged: its last")


def test_a_number_that_was_noted_beside_can_be_the_metric(
    written: tuple[Path, optuna.Study],
) -> None:
    path, theirs = written
    item = adopted(read_optuna(f"sqlite:///{path}"), metric="mae")
    assert trials(item)[0].value == theirs.trials[0].user_attrs["mae"]


def test_the_directions_and_names_of_several_objectives_are_known(tmp_path: Path) -> None:
    place = f"sqlite:///{tmp_path / 'x.db'}"
    study = optuna.create_study(storage=place, directions=["maximize", "minimize"])
    study.optimize(lambda trial: (trial.suggest_float("lr", 0.1, 1), 7.0), 2)
    (first,) = read_optuna(place).studies
    assert first.modes == {"values_0": "max", "values_1": "min"}
    assert first.objective is None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study.set_metric_names(["acc", "rmse"])
    (named,) = read_optuna(place).studies
    assert named.modes == {"acc": "max", "rmse": "min"}
    assert brief(adopted(read_optuna(place)))[0] == ("COMPLETED", 7.0, 10)


def test_all_studies_of_a_storage_are_read(tmp_path: Path) -> None:
    place = f"sqlite:///{tmp_path / 'x.db'}"
    for name in ("one", "two"):
        optuna.create_study(storage=place, study_name=name)
    assert [study.name for study in read_optuna(place).studies] == ["one", "two"]


def test_a_truncated_database_is_told(written: tuple[Path, optuna.Study], tmp_path: Path) -> None:
    data = written[0].read_bytes()
    path = tmp_path / "cut.db"
    for kept in (0, 50, 4096, len(data) // 4, len(data) // 2):
        path.write_bytes(data[:kept])
        with pytest.raises(UsageError, match=r"cut.db: cannot be read as an Optuna storage \("):
            read_optuna(f"sqlite:///{path}")
        assert path.stat().st_size == kept


@pytest.mark.parametrize("content", [b"", b"garbage", b"\0\xff" * 99, b"{}", b"[]\n"])
def test_what_is_no_journal_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"x.log: no journal of Optuna. Name one"):
        read_optuna(str(path))


def test_a_database_server_that_is_away_is_told_without_its_password() -> None:
    with pytest.raises(EnvironmentFault) as caught:
        read_optuna("postgresql://me:secret@127.0.0.1:1/x")
    assert "postgresql://me:***@127.0.0.1:1/x: cannot be read" in str(caught.value)
