from pathlib import Path

import pytest

import trainables
from trainables.base import DataRequest, Offer
from trainables.data.sources import ADULT, SOURCES
from trainables.metrics import METRICS


def tabular() -> Offer:
    offer = trainables.get("tabular").offer
    assert offer is not None
    return offer


def test_what_tabular_offers_is_what_it_can_load_train_and_measure() -> None:
    assert set(tabular().datasets) == set(SOURCES)
    assert set(tabular().models) == {"xgboost", "lightgbm"}
    assert set(tabular().metrics) == {name for known in METRICS.values() for name in known}
    assert tabular().metrics["rmse"] == "min"
    assert tabular().metrics["auc"] == "max"


def test_a_trainable_without_an_offer_can_be_asked_for_anything() -> None:
    assert trainables.get("toy").offer is None


def test_data_are_located_in_the_order_in_which_they_would_be_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TUNER_DATA", raising=False)
    local, cache = tmp_path / "local", tmp_path / "cache"
    request = DataRequest("adult", 0, directory=local, cache=cache)
    assert tabular().locate(request) == "to be fetched from UCI"
    for folder in (cache / "uci" / "adult", local / "uci" / "adult"):
        folder.mkdir(parents=True)
        for name in ADULT.sha256:
            (folder / name).touch()
        assert tabular().locate(request) == f"in {folder}"
    assert tabular().locate(DataRequest("diabetes", 0)) == "bundled with scikit-learn"
