"""The card beside a kept model says where it comes from and what it is worth."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tuner.tracking.journals import HEADER, study, trial_events
from trainables.base import EXAMPLE_FILE
from tuner.events import FinalFit, Finished
from tuner.journal import Journal
from tuner.model_card import write_card
from tuner.rundir import CARD_FILE, MODEL_FOLDER

ROWS = {"train": 70, "validation": 15, "test": 16}


TABLE = {"columns": ["sex", "age"], "data": [["male", None]]}


def card(
    folder: Path, kept: bool = True, fits: int = 3, example: Any = TABLE, **config: Any
) -> str | None:
    """The card of a study whose seeds came to 0.44, 0.45 and 0.46, its own (3) to the first."""
    config = {**HEADER["config"], "trainable": "toy", "split": "random", **config}
    header = {**HEADER, "config": config, "versions": {"warmtune": "0.1", "ray": "2.60.0"}}
    journal = Journal.create(folder, study("s|1"), header)
    journal.append(*trial_events(0, 0.6, 0.4), *trial_events(1, 0.7), Finished("2 trials done"))
    for n in range(fits):
        journal.append(FinalFit({"rate": 0.1}, 0.44 + n / 100, {"mae": 0.2}, 1.0, (3, 8, 9)[n]))
    journal.close()
    if kept:
        (folder / MODEL_FOLDER).mkdir()
        (folder / MODEL_FOLDER / EXAMPLE_FILE).write_text(json.dumps(example))
    write_card(folder, ROWS)
    file = folder / MODEL_FOLDER / CARD_FILE
    return file.read_text() if file.is_file() else None


def test_it_says_data_result_configuration_choice_and_versions(tmp_path: Path) -> None:
    text = card(tmp_path)
    assert text is not None
    assert "rmse **0.45 ± 0.025 on test (3 seeds)**" in text
    for row in (
        "| test rows | 16 |",
        "| fingerprint of data and split | f00d |",
        "| 3 (the model kept here) | 0.44 |",
        "| 9 | 0.46 |",
        "| mean mae | 0.2 |",
        "| rate | 0.1 |",
        '| sex | "male" |',
        "| age | null |",
        "| ray | 2.60.0 |",
    ):
        assert row in text.splitlines()
    assert "The best of 2 trials" in text
    assert "rmse 0.4 (origin: tpe)" in text
    assert 'mlflow models serve -m "models:/wine-trees@best"' in text
    assert "SYNTHETIC" not in text


def test_generated_data_are_said_first(tmp_path: Path) -> None:
    text = card(tmp_path, synthetic=True)
    assert text is not None
    assert text.splitlines()[2].startswith("> **SYNTHETIC DATA: these values say nothing")


@pytest.mark.parametrize(
    ("example", "said"),
    [(["a text"], "A list of texts."), ([[[[7], [0]]]], "the shape (1, 2, 1).")],
)
def test_it_says_what_the_model_takes(tmp_path: Path, example: Any, said: str) -> None:
    assert said in (card(tmp_path, example=example) or "")


def test_a_model_of_your_own_is_not_said_to_be_in_mlflow(tmp_path: Path) -> None:
    text = card(tmp_path, trainable="mine.module:train") or ""
    assert "`predictor` beside `mine.module:train` loads this folder" in text
    assert "mlflow models serve" not in text


def test_without_a_kept_model_there_is_no_card(tmp_path: Path) -> None:
    assert card(tmp_path, kept=False) is None


def test_a_card_that_cannot_be_written_costs_no_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / MODEL_FOLDER / CARD_FILE).mkdir(parents=True)
    (tmp_path / "run").mkdir()
    (tmp_path / MODEL_FOLDER).rename(tmp_path / "run" / MODEL_FOLDER)
    card(tmp_path / "run", kept=False)
    assert "README.md not written (" in capsys.readouterr().err
