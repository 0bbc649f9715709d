import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from transformers import BertTokenizer

from tests.trainables.data.hub_server import serving
from tests.trainables.data.repositories import write_repository
from trainables.base import DataError, DataRequest, DataUnavailable
from trainables.data import hub, texts
from trainables.data.sequences import pack
from trainables.data.texts import SOURCES, TextData, Texts, load, locate
from trainables.data.tokens import SPECIAL, pieces

WORDS = [f"w{number}" for number in range(60)]
TRAIN = [" ".join(WORDS[n : n + 1 + n % 7]) for n in range(50)]
TEST = [*(f"x{text}" for text in TRAIN[:10]), TRAIN[0].upper()]


def write(
    directory: Path,
    train: Sequence[object] = TRAIN,
    labels: Sequence[object] = (),
    **columns: object,
) -> DataRequest:
    """IMDB in small below ``directory``, and the request that reads it."""
    splits = {
        "train": {"text": train, "label": labels or [n % 2 for n in range(len(train))]},
        "test": {"text": TEST, "label": [n % 2 for n in range(len(TEST))]},
        "unsupervised": {"text": ["w1"], "label": [-1]},
    }
    write_repository(directory / "stanfordnlp" / "imdb", splits)
    (directory / "bert-base-uncased").mkdir(exist_ok=True)
    lines = "\n".join([*SPECIAL, *WORDS, "x", *(f"##{word}" for word in WORDS)])
    (directory / "bert-base-uncased" / "vocab.txt").write_text(lines + "\n")
    return DataRequest("imdb", 0, directory=directory, cache=directory / "cache")


def read(request: DataRequest) -> tuple[TextData, Texts]:
    loaded = load(request)
    return loaded.payload, loaded.held_out


def test_both_splits_are_pooled_and_drawn_anew_by_seed_and_class(tmp_path: Path) -> None:
    request = write(tmp_path)
    loaded = load(request)
    assert sum(loaded.rows.values()) == len(TRAIN) + len(TEST)
    assert loaded.rows["train"] == pytest.approx(0.7 * 61, abs=2)
    data, held_out = loaded.payload, loaded.held_out
    assert len(data.train) + len(data.validation) == len(data.texts.labels)
    assert not {*data.train} & {*data.validation}
    assert loaded.rows["test"] == len(held_out.labels)
    assert load(request).fingerprint == loaded.fingerprint
    assert load(replace(request, seed=1)).fingerprint != loaded.fingerprint


@pytest.mark.parametrize("split", ["random", "official"])
def test_texts_equal_to_the_model_are_on_one_side(tmp_path: Path, split: str) -> None:
    request = replace(write(tmp_path, TRAIN * 2), split=split)
    for seed in range(5):
        data, held_out = read(replace(request, seed=seed))
        parts = [data.texts.take(data.train), data.texts.take(data.validation), held_out]
        train, validation, test = ({*pieces(part.tokens)} for part in parts)
        assert not train & validation | train & test | validation & test


def test_the_official_test_set_stays_whole_and_no_training_text_is_in_it(tmp_path: Path) -> None:
    data, held_out = read(replace(write(tmp_path), split="official"))
    assert len(held_out.labels) == len(TEST)
    assert len(data.texts.labels) == len(TRAIN) - 1  # TEST repeats one of them in capitals
    assert len(data.validation) == pytest.approx(0.15 * 49, abs=1)


def test_a_few_bad_samples_are_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    many = [f"w1 w2 {number}" for number in range(600)]
    many[17], many[40] = "w1\0", None  # type: ignore[call-overload]
    with caplog.at_level(logging.WARNING):
        data, held_out = read(write(tmp_path, many))
    assert len(data.texts.labels) + len(held_out.labels) == 598 + len(TEST)
    assert "sample 17 of train unreadable (NUL at character 2)" in caplog.text
    assert "sample 40 of train unreadable (a text expected, got None)" in caplog.text


@pytest.mark.parametrize(
    ("text", "label", "words"),
    [
        ("w1\0", 0, r"imdb: sample 3 of train unreadable \(NUL at character 2\)\. 1\.6%"),
        (None, 0, r"a text expected, got None"),
        ("w" * 1_000_001, 0, r"1000001 characters, at most 1000000"),
        ("w1", 7, r"has no class \(0 to 1 expected, got 7\)"),
        ("w1", None, r"has no class \(0 to 1 expected, got None\)"),
    ],
)
def test_more_than_one_percent_of_bad_samples_end_the_study(
    tmp_path: Path, text: str | None, label: int | None, words: str
) -> None:
    train: list[str | None] = [*TRAIN]
    labels: list[int | None] = [n % 2 for n in range(len(TRAIN))]
    train[3], labels[3] = text, label
    with pytest.raises(DataError, match=words):
        load(write(tmp_path, train, labels))


def test_what_is_no_data_set_of_texts_is_refused(tmp_path: Path) -> None:
    request = write(tmp_path)
    splits = {name: {"text": ["w1"], "label": [1]} for name in ("train", "test")}
    write_repository(tmp_path / "stanfordnlp" / "imdb", splits)
    with pytest.raises(DataError, match="at least two classes expected"):
        load(request)
    write_repository(tmp_path / "stanfordnlp" / "imdb", {"train": {"sentence": ["w1"]}})
    with pytest.raises(DataError, match="text and label expected, got train: sentence"):
        load(request)
    for wrong, words in (
        ({"dataset": "imdv"}, "unknown data set 'imdv'. Known: imdb, ag-news"),
        ({"metric": "auc"}, "'auc' is not measured on imdb. Known: accuracy, macro_f1"),
        ({"split": "half"}, "random or official expected, got 'half'"),
    ):
        with pytest.raises(DataError, match=words):
            load(replace(request, **wrong))


def test_without_network_and_vocabulary_the_ways_out_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = write(tmp_path)
    (tmp_path / "bert-base-uncased" / "vocab.txt").unlink()
    from huggingface_hub import constants

    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(DataUnavailable, match="cannot fetch google-bert/bert-base-uncased"):
        load(request)


def test_the_vocabulary_comes_from_the_hub_by_its_pinned_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    request = write(tmp_path / "local")
    remote = tmp_path / "hub" / "google-bert" / "bert-base-uncased"
    remote.parent.mkdir(parents=True)
    (tmp_path / "local" / "bert-base-uncased").rename(remote)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "fetched"))
    with serving(tmp_path / "hub") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        monkeypatch.setattr(constants, "ENDPOINT", server.address)
        monkeypatch.setattr(
            constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            server.address + "/{repo_id}/resolve/{revision}/{filename}",
        )
        path = hub.file(texts.VOCABULARY, "vocab.txt", texts.VOCABULARY_REVISION, request)
    assert path.read_bytes() == (remote / "vocab.txt").read_bytes()
    assert any(texts.VOCABULARY_REVISION in str(part) for part in [*server.asked, path])


@pytest.mark.parametrize("dataset", SOURCES)
def test_synthetic_data_have_the_lengths_and_classes_of_the_real_ones(dataset: str) -> None:
    source = SOURCES[dataset]
    loaded = load(DataRequest(dataset, 0, synthetic=True))
    assert loaded.fingerprint.startswith("synthetic-")
    assert loaded.features["classes"] == len(source.classes)
    assert 10 ** loaded.features["log10_length"] == pytest.approx(source.typical, rel=0.1)
    assert all(np.isfinite(value) for value in loaded.features.values())


@pytest.mark.slow
@pytest.mark.parametrize("dataset", SOURCES)
def test_the_real_data_are_read_and_each_maximum_length_is_a_slice(
    dataset: str, shared_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the test split alone, which is exact in both copies."""
    source, request = SOURCES[dataset], DataRequest(dataset, 0, directory=shared_dir / "data")
    assert locate(request) == f"in {shared_dir / 'data' / source.repository}"
    whole = hub.read(source.repository, replace(request, cache=tmp_path))
    small = {name: whole[name].shuffle(seed=0).select(range(300)) for name in ("train", "test")}
    monkeypatch.setattr(hub, "read", lambda *_: small)
    data, held_out = read(replace(request, split="official"))
    assert len(held_out.labels) == 300
    reference = BertTokenizer(vocab=dict(data.vocabulary.numbers))
    for max_length in (128, 300, 512):
        expected = reference(small["test"]["text"][:], truncation=True, max_length=max_length)
        packed = pack(held_out.tokens, np.arange(300), max_length, data.vocabulary)
        assert packed.ids.tolist() == [id for text in expected["input_ids"] for id in text]
    lengths = data.texts.tokens.lengths
    assert np.median(lengths) == pytest.approx(source.typical, rel=0.15)
    assert np.log(lengths).std() == pytest.approx(source.spread, rel=0.2)
