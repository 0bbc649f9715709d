import io
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.trainables.data.repositories import encoded, pictures, write_repository
from trainables.base import DataError, DataRequest
from trainables.data import images
from trainables.data.image_data import load
from trainables.data.split import groups, split


def request(directory: Path, **given: Any) -> DataRequest:
    made = DataRequest("cifar10", 0, directory=directory, cache=directory / "cache")
    return replace(made, options={"init": "scratch"}, **given)


def write(directory: Path, seed: int = 0, spoilt: int = 0) -> None:
    train = pictures(200, 10, seed)
    for row in range(spoilt):
        train["img"][row] = {"bytes": b"no image", "path": None}  # type: ignore[index]
    splits = {"train": train, "test": pictures(20, 10, seed + 1)}
    write_repository(directory / "uoft-cs" / "cifar10", splits)


def test_a_copy_is_decoded_and_split(tmp_path: Path) -> None:
    write(tmp_path)
    loaded = load(request(tmp_path))
    assert loaded.payload.images.shape == (
        loaded.rows["train"] + loaded.rows["validation"],
        32,
        32,
        3,
    )
    assert sum(loaded.rows.values()) == 220
    assert loaded.features["classes"] == 10
    official = load(request(tmp_path, split="official"))
    assert official.rows["test"] == 20
    assert official.fingerprint != loaded.fingerprint


def test_what_was_decoded_is_kept_until_the_copy_changes_or_the_cache_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path)
    first = load(request(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(images, "_pixels", None)
        assert load(request(tmp_path)).fingerprint == first.fingerprint
    (kept,) = (tmp_path / "cache" / "images").iterdir()
    body = bytearray(kept.read_bytes())
    body[len(body) // 2] ^= 1
    kept.write_bytes(body)
    assert load(request(tmp_path)).fingerprint == first.fingerprint
    write(tmp_path, seed=7)
    assert load(request(tmp_path)).fingerprint != first.fingerprint


def test_a_few_unreadable_images_are_left_out_and_more_are_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, spoilt=2)
    with caplog.at_level(logging.WARNING):
        assert sum(load(request(tmp_path)).rows.values()) == 218
    assert "sample 0 of train unreadable" in caplog.text
    write(tmp_path, spoilt=3)
    with pytest.raises(DataError, match=r"sample 0 of train unreadable .* and 2 more of 200"):
        load(request(tmp_path))


def test_an_image_of_another_size_is_unreadable_and_one_of_four_inks_is_not() -> None:
    with pytest.raises(ValueError, match="8x4 pixels, 32x32 expected"):
        images._pixels(encoded(np.zeros((4, 8, 3), np.uint8)), (32, 32, 3))
    file = io.BytesIO()
    Image.new("CMYK", (32, 32)).save(file, "JPEG")
    assert images._pixels({"bytes": file.getvalue()}, (32, 32, 3)).shape == (32, 32, 3)


def test_equal_images_lie_on_one_side() -> None:
    drawn = np.random.default_rng(0).integers(0, 255, (50, 8, 8, 1), np.uint8)
    twice, labels = np.concatenate([drawn, drawn]), np.tile(np.arange(50) % 5, 2)
    parts = split(DataRequest("digits", 3), images.digests(twice), labels, None, ())
    group = groups(twice.reshape(100, -1))
    seen = [set(group[rows]) for rows in parts]
    assert not seen[0] & seen[1] | seen[0] & seen[2] | seen[1] & seen[2]


def test_what_is_not_known_is_told_with_what_is() -> None:
    with pytest.raises(DataError, match=r"unknown data set 'mnist'. Known: cifar10"):
        load(DataRequest("mnist", 0))
    with pytest.raises(DataError, match=r"digits has no official split; .* cifar10, cifar100"):
        load(DataRequest("digits", 0, "official"))
    with pytest.raises(DataError, match=r"metric 'auc' is not measured. Known: accuracy"):
        load(DataRequest("digits", 0, metric="auc"))


def test_synthetic_data_have_the_shape_of_the_real_ones() -> None:
    made = load(DataRequest("digits", 0, synthetic=True, model="resnet50"))
    assert made.payload.images.shape[1:] == (8, 8, 1)
    assert made.fingerprint.startswith("synthetic-")


@pytest.mark.slow
def test_the_real_copy_of_cifar10_is_read(shared_dir: Path, tmp_path: Path) -> None:
    loaded = load(replace(request(shared_dir / "data"), cache=tmp_path))
    assert loaded.rows == {"train": 42_000, "validation": 9_000, "test": 9_000}
    pixels = loaded.payload.images[loaded.payload.train]
    means = pixels.reshape(-1, 3).mean(0) / 255
    np.testing.assert_allclose(means, [0.4914, 0.4822, 0.4465], atol=0.005)
