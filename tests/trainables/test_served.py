"""What MLflow hands over is what the kept model is asked."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.trainables.recorder import Recorder
from trainables import tabular
from trainables.base import EXAMPLE_FILE, DataRequest
from trainables.served import Served, example


@pytest.mark.parametrize("model", ["xgboost", "lightgbm"])
def test_a_table_is_asked_with_the_names_of_its_categories(model: str, tmp_path: Path) -> None:
    data, folder = tabular.load(DataRequest("titanic", 0)), tmp_path / "model"
    context = Recorder(model, data.payload, final=True, held_out=data.held_out, model_folder=folder)
    tabular.train({"n_estimators": 20}, context)
    predict, named = Served(folder, "tabular").predict, example(folder)
    assert {*named["sex"]} <= {"male", "female"}
    np.testing.assert_array_equal(predict(named), predict(data.payload.x[:3]))
    strange, unknown = (named.assign(embarked=value) for value in ("Mars", None))
    np.testing.assert_array_equal(predict(strange), predict(unknown))
    women, men = (predict(named.assign(sex=sex))[:, 1] for sex in ("female", "male"))
    assert (women != men).all()


@pytest.mark.parametrize("kind", [list, np.array])
def test_texts_reach_the_model_as_a_list(
    kind: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainables import text

    (tmp_path / EXAMPLE_FILE).write_text(json.dumps(["one", "two"]))
    assert example(tmp_path) == ["one", "two"]
    asked = []
    monkeypatch.setattr(text, "predictor", lambda folder: asked.append)
    Served(tmp_path, "text").predict(kind(["three", "four"]))
    assert asked == [["three", "four"]]


def test_images_are_shown_as_bytes_and_a_model_without_an_example_shows_none(
    tmp_path: Path,
) -> None:
    assert example(tmp_path) is None
    (tmp_path / EXAMPLE_FILE).write_text(json.dumps([[[[7], [0]]]]))
    assert example(tmp_path).dtype == np.uint8
    assert example(tmp_path).shape == (1, 1, 2, 1)


def test_no_code_is_loaded_by_the_name_that_a_stored_model_gives(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        Served(tmp_path, "mine.module:train")
