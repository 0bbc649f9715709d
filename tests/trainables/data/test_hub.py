import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.trainables.data.hub_server import COMMIT, serving
from tests.trainables.data.repositories import pictures, write_repository
from trainables.base import DataError, DataRequest, DataUnavailable
from trainables.data import hub

NAME = "somebody/something"


def request(directory: Path, cache: Path | None = None) -> DataRequest:
    return DataRequest("something", 0, directory=directory, cache=cache or directory / "cache")


def write(directory: Path, *values: int) -> Path:
    return write_repository(directory / NAME, {"train": {"x": values}, "test": {"x": [0]}})


@pytest.fixture
def no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Hub that does not answer, and nothing fetched before."""
    from huggingface_hub import constants

    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def test_a_local_copy_is_read_as_its_card_says(tmp_path: Path) -> None:
    write(tmp_path, 1, 2, 3)
    assert hub.locate(NAME, request(tmp_path)) == f"in {tmp_path / NAME}"
    loaded = hub.read(NAME, request(tmp_path))
    assert {split: loaded[split]["x"][:] for split in loaded} == {"train": [1, 2, 3], "test": [0]}


def test_a_copy_that_was_replaced_is_not_read_from_the_cache(tmp_path: Path) -> None:
    write(tmp_path, 1, 2, 3)
    hub.read(NAME, request(tmp_path))
    write(tmp_path, 4, 5, 6)
    assert hub.read(NAME, request(tmp_path))["train"]["x"][:] == [4, 5, 6]


def test_two_folders_of_one_name_do_not_mix(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for value in (1, 2):
        write(tmp_path / str(value), value)
    read = [hub.read(NAME, request(tmp_path / str(n), cache))["train"]["x"][:] for n in (1, 2)]
    assert read == [[1], [2]]


def test_a_folder_that_holds_no_data_set_is_named(tmp_path: Path) -> None:
    (write(tmp_path, 1) / "plain_text" / "train-00000-of-00001.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match=r"somebody/something: cannot be read .*\. Put a whole"):
        hub.read(NAME, request(tmp_path))


def test_a_fetched_file_that_changed_since_is_found_out(tmp_path: Path) -> None:
    blob = tmp_path / "blobs" / ("0" * hub.SHA256_DIGITS)
    blob.parent.mkdir()
    blob.write_text("damaged")
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot" / "data.parquet").symlink_to(blob)
    with pytest.raises(DataError, match=r"0000: SHA-256 differs .*\. Delete it to fetch anew"):
        hub.fingerprint(tmp_path / "snapshot")


@pytest.mark.usefixtures("no_hub")
def test_without_copy_and_network_the_ways_out_are_named(tmp_path: Path) -> None:
    assert hub.locate(NAME, request(tmp_path)) == "to be fetched from http://127.0.0.1:9"
    with pytest.raises(DataUnavailable) as caught:
        hub.read(NAME, request(tmp_path))
    message = str(caught.value)
    assert message.startswith("cannot fetch somebody/something from http://127.0.0.1:9 (no answer")
    assert f"{tmp_path}/somebody/something" in message
    assert "--data-dir" in message
    assert "HF_ENDPOINT" in message
    assert "--synthetic" in message


VISITOR = """
import json, sys
from pathlib import Path
import datasets, transformers
from trainables.base import DataRequest, DataUnavailable
from trainables.data import hub
home = Path(sys.argv[1])
request = DataRequest("cifar10", 0, cache=home / "cache")
seen = {"plain": datasets.load_dataset("uoft-cs/cifar10").num_rows}
seen["read"] = hub.read("uoft-cs/cifar10", request).num_rows
seen["where"] = hub.locate("uoft-cs/cifar10", request)
try:
    hub.read("uoft-cs/none", request)
except DataUnavailable as error:
    seen["missing"] = str(error)
model = transformers.AutoModel.from_pretrained("somebody/tiny-bert")
tokenizer = transformers.AutoTokenizer.from_pretrained("somebody/tiny-bert")
seen["model"] = [model.config.hidden_size, len(tokenizer)]
print(json.dumps(seen))
"""


@pytest.mark.slow
def test_the_hubs_own_protocol_serves_data_and_models(tmp_path: Path) -> None:
    root, home = tmp_path / "root", tmp_path / "home"
    splits = {"train": pictures(12, 3), "test": pictures(4, 2)}
    write_repository(root / "uoft-cs" / "cifar10", splits)
    _write_tiny_bert(root / "somebody" / "tiny-bert")
    with serving(root) as server:
        environment = os.environ | server.environment(home) | {"PYTHONPATH": str(ROOT)}
        done = _visit(environment, tmp_path)
        asked = list(server.asked)
    seen = json.loads(done)
    assert seen["plain"] == seen["read"] == {"train": 12, "test": 4}
    assert seen["where"].endswith(f"snapshots/{COMMIT}")
    assert "cannot fetch uoft-cs/none" in seen["missing"]
    assert seen["model"] == [8, 6]
    assert any(line.endswith("model.safetensors") for line in asked)


def _visit(environment: dict[str, str], home: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", VISITOR, str(home)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def _write_tiny_bert(folder: Path) -> None:
    from transformers import BertConfig, BertModel

    sizes = {"num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    config = BertConfig(vocab_size=6, hidden_size=8, max_position_embeddings=8, **sizes)
    BertModel(config).save_pretrained(folder)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "film"]
    (folder / "vocab.txt").write_text("\n".join(words))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
