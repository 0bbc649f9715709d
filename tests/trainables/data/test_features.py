from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from trainables.base import DataRequest
from trainables.data.features import LANDMARK_ROWS, describe, landmarks
from trainables.data.sources import SOURCES
from trainables.data.tabular import load

SKILLS = {"skill_stump", "skill_shallow_tree", "skill_neighbours", "skill_linear"}


def features(name: str, seed: int = 0, directory: Path | None = None) -> dict[str, float]:
    return load(DataRequest(name, seed, directory=directory)).features


def table(
    rows: int = 400, columns: int = 4, categories: int = 0, seed: int = 0
) -> tuple[Any, Any, Any]:
    """Columns without meaning, a target that is the first one."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns)).astype(np.float32)
    x[:, :categories] = rng.integers(0, 3, (rows, categories))
    return x, x[:, -1], np.arange(columns) < categories


def test_adult_is_described_by_its_size_its_columns_and_its_classes(shared_dir: Path) -> None:
    found = features("adult", directory=shared_dir / "data")
    expected = {
        "log10_rows": np.log10(34_190),
        "log10_columns": np.log10(14),
        "share_categorical": 8 / 14,
        "share_missing": 0.0095,
        "classes": 2,
        "class_entropy": stats.entropy([0.2393, 0.7607], base=2),
        "minority_share": 0.2393,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-4)
    assert set(found) == {*expected, "mean_correlation", *SKILLS}


def test_a_regression_is_described_by_the_moments_of_its_target() -> None:
    loaded = load(DataRequest("diabetes", 0))
    y = loaded.payload.y[loaded.payload.train].astype(float)
    assert loaded.features["classes"] == 0
    assert loaded.features["target_skew"] == pytest.approx(stats.skew(y))
    assert loaded.features["target_kurtosis"] == pytest.approx(stats.kurtosis(y))


def test_the_correlation_is_the_mean_absolute_one_between_numeric_columns() -> None:
    loaded = load(DataRequest("diabetes", 0))
    between = np.abs(np.corrcoef(loaded.payload.x[loaded.payload.train].T))
    expected = between[np.triu_indices(10, 1)].mean()
    assert loaded.features["mean_correlation"] == pytest.approx(expected, rel=1e-4)


def test_landmarks_tell_which_learner_the_data_suit() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (LANDMARK_ROWS, 2))
    step, line, ring = x[:, 0] > 0.3, x @ [1, -1], np.abs(np.hypot(*x.T) - 0.6) < 0.2
    best = {
        name: max(found := landmarks(x, y.astype(float)), key=lambda name: found[name])
        for name, y in {"step": step, "line": line, "ring": ring}.items()
    }
    assert best == {"step": "skill_stump", "line": "skill_linear", "ring": "skill_neighbours"}


def test_nothing_to_learn_is_no_skill() -> None:
    x, _, _ = table()
    noise = np.random.default_rng(1).normal(size=len(x))
    assert max(landmarks(x.astype(float), noise).values()) < 0.1
    assert set(landmarks(x.astype(float), np.ones(len(x))).values()) == {0.0}


def test_the_same_rows_have_the_same_features() -> None:
    assert features("titanic") == features("titanic")
    assert features("titanic") != features("titanic", seed=1)


def test_landmarks_see_a_bounded_number_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    from trainables.data import features as module

    seen: list[int] = []
    monkeypatch.setattr(module, "landmarks", lambda x, y: seen.append(len(y)) or {})
    describe(*table(rows=3 * LANDMARK_ROWS), "regression")
    assert seen == [LANDMARK_ROWS]


def test_categories_are_told_apart_without_an_order() -> None:
    x, _, categorical = table(categories=1)
    y = (x[:, 0] == 1).astype(np.float32)
    assert describe(x, y, categorical, "binary")["skill_linear"] > 0.9
    assert describe(x, y, np.zeros(4, bool), "binary")["skill_linear"] < 0.1


@pytest.mark.parametrize("name", SOURCES)
def test_the_features_of_generated_data_are_finite_numbers(name: str) -> None:
    found = load(DataRequest(name, 0, synthetic=True)).features
    assert all(type(value) is float and np.isfinite(value) for value in found.values())
    assert all(0 <= found[skill] <= 1 for skill in SKILLS)


@pytest.mark.parametrize("kind", ["regression", "binary"])
@pytest.mark.parametrize("rows", [2, 3, 50])
def test_odd_tables_have_finite_features(kind: str, rows: int) -> None:
    x, _, categorical = table(rows=rows, categories=2)
    x[:, 1] = np.nan
    x[:, 2] = 7
    x[0, 3] = 3e38
    y = (np.arange(rows) == 0).astype(np.float32)
    for target in (y, np.zeros_like(y)):
        found = describe(x, target, categorical, kind)
        assert all(np.isfinite(value) for value in found.values())
