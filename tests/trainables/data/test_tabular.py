import os
import pickle
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from trainables.base import Data, DataError, DataRequest
from trainables.data.features import describe
from trainables.data.fetch import files
from trainables.data.sources import ADULT, SOURCES
from trainables.data.split import groups
from trainables.data.tabular import load

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def adult(shared_dir: Path) -> Data:
    return load(DataRequest("adult", 0, directory=shared_dir / "data"))


def test_real_data_are_split_70_15_15_with_the_classes_in_proportion(adult: Data) -> None:
    data = adult.payload
    assert adult.rows == {"train": 34_190, "validation": 7_325, "test": 7_327}
    assert sum(adult.rows.values()) == 48_842
    shares = [data.y[data.train].mean(), data.y[data.validation].mean(), adult.held_out.y.mean()]
    assert shares == pytest.approx([data.y.mean()] * 3, abs=1e-3)


@pytest.mark.parametrize("name", ["adult", "wine-quality"])
@pytest.mark.parametrize("seed", [0, 1])
def test_no_row_of_real_data_has_its_twin_on_another_side(
    name: str, seed: int, shared_dir: Path
) -> None:
    loaded = load(DataRequest(name, seed, directory=shared_dir / "data"))
    data = loaded.payload
    group = groups(np.concatenate([data.x, loaded.held_out.x]))
    train, validation = set(group[data.train]), set(group[data.validation])
    test = set(group[len(data.x) :])
    assert group.max() + 1 < len(group)
    assert not train & validation
    assert not train & test
    assert not validation & test


@pytest.mark.parametrize("name", SOURCES)
def test_no_array_that_trials_share_holds_a_test_row(name: str) -> None:
    loaded = load(DataRequest(name, 0, synthetic=True))
    data, rows = loaded.payload, loaded.rows
    used = np.sort(np.concatenate([data.train, data.validation]))
    np.testing.assert_array_equal(used, np.arange(len(data.x)))
    assert len(data.x) == len(data.y) == rows["train"] + rows["validation"]
    assert len(loaded.held_out.x) == len(loaded.held_out.y) == rows["test"]
    bytes_of = {row.tobytes() for row in data.x}
    assert not any(row.tobytes() in bytes_of for row in loaded.held_out.x)


def test_the_official_split_tests_on_the_published_rows(shared_dir: Path) -> None:
    request = DataRequest("adult", 0, "official", directory=shared_dir / "data")
    loaded = load(request)
    data = loaded.payload
    lines = files(ADULT, request)["adult.test"].read_text().splitlines()[1:]
    ages = [int(line.partition(",")[0]) for line in lines if line]
    np.testing.assert_array_equal(loaded.held_out.x[:, 0], ages)
    assert loaded.rows["train"] + loaded.rows["validation"] == 32_561
    assert loaded.rows["train"] == pytest.approx(0.85 * 32_561, abs=2)
    group = groups(data.x)
    assert not set(group[data.train]) & set(group[data.validation])


def test_only_adult_has_an_official_split() -> None:
    with pytest.raises(DataError, match=r"diabetes has no official split; .* have one: adult$"):
        load(DataRequest("diabetes", 0, "official"))


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (DataRequest("iris", 0), "unknown data set 'iris'. Known: diabetes, breast-cancer,"),
        (DataRequest("diabetes", 0, "half"), "split: random or official expected, got 'half'"),
        (
            DataRequest("diabetes", 0, metric="auc"),
            r"metric 'auc' is not measured on diabetes. Known: rmse, mae$",
        ),
        (
            DataRequest("breast-cancer", 0, metric="f1"),
            r"Known: rmse, mae, accuracy, macro_f1, auc, log_loss$",
        ),
    ],
)
def test_a_request_that_cannot_be_met_says_what_can(request_: DataRequest, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(request_)


def test_an_unknown_metric_is_refused_before_anything_is_fetched() -> None:
    with pytest.raises(DataError, match="metric 'ndcg'"):
        load(DataRequest("adult", 0, metric="ndcg"))


def test_the_metric_is_rmse_unless_another_is_asked_for() -> None:
    assert load(DataRequest("breast-cancer", 0)).payload.metric == "rmse"
    assert load(DataRequest("breast-cancer", 0, metric="auc")).payload.metric == "auc"


def test_the_fingerprint_names_data_split_and_kind() -> None:
    plain = DataRequest("diabetes", 0)
    others = [
        replace(plain, seed=1),
        replace(plain, synthetic=True),
        replace(plain, dataset="breast-cancer"),
    ]
    prints = [load(request).fingerprint for request in [plain, *others]]
    assert len(set(prints)) == len(prints)
    assert prints[0] == load(plain).fingerprint


def test_the_fingerprint_is_that_of_studies_that_were_run_before() -> None:
    assert load(DataRequest("diabetes", 3)).fingerprint == "0f9a449288edc0a2"


def test_the_fingerprint_is_the_same_in_another_process() -> None:
    code = (
        "from trainables.base import DataRequest; from trainables.data.tabular import load;"
        "print(load(DataRequest('diabetes', 0)).fingerprint)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)}
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == load(DataRequest("diabetes", 0)).fingerprint


def test_data_are_equal_if_their_fingerprints_are() -> None:
    data, again = (load(DataRequest("diabetes", 0)).payload for _ in range(2))
    assert data == again
    assert hash(data) == hash(again)
    assert data != replace(data, fingerprint="other")


def test_the_arrays_of_the_payload_are_shared_and_not_copied() -> None:
    data = load(DataRequest("breast-cancer", 0)).payload
    buffers: list[pickle.PickleBuffer] = []
    small = pickle.dumps(data, protocol=5, buffer_callback=buffers.append)
    arrays = [field for field in fields(data) if isinstance(getattr(data, field.name), np.ndarray)]
    assert len(buffers) == len(arrays) == 5
    assert len(small) < 3_000


@pytest.mark.parametrize("name", SOURCES)
def test_synthetic_data_have_the_shape_and_kinds_of_the_real_ones(name: str) -> None:
    source = SOURCES[name]
    loaded = load(DataRequest(name, 0, synthetic=True))
    data = loaded.payload
    x = np.concatenate([data.x, loaded.held_out.x])
    assert x.shape == (source.rows, len(source.columns))
    assert loaded.fingerprint.startswith("synthetic-")
    assert np.isnan(x).mean() == pytest.approx(source.missing, abs=1e-3)
    assert set(data.y) == {0, 1} if source.kind == "binary" else len(set(data.y)) > 100
    for column, categories in zip(x.T, source.columns.values(), strict=True):
        if categories:
            assert set(column[~np.isnan(column)]) == set(range(categories))


def test_synthetic_data_follow_the_seed_and_can_split_officially() -> None:
    request = DataRequest("adult", 0, "official", synthetic=True)
    assert load(request).fingerprint == load(request).fingerprint
    assert load(request).rows["test"] == 48_842 - 32_561
    assert load(request).fingerprint != load(replace(request, seed=1)).fingerprint


def test_the_features_are_those_of_the_training_rows_alone(adult: Data) -> None:
    data = adult.payload
    train = describe(data.x[data.train], data.y[data.train], data.categorical, data.kind)
    assert adult.features == train
    assert adult.features["log10_rows"] == pytest.approx(np.log10(34_190))
