"""Training on small networks; that real ones learn is measured in the head of the module."""

import json
import re
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_
from transformers import get_linear_schedule_with_warmup, pipeline

from tests.trainables.recorder import Recorder
from tests.trainables.texts import VOCABULARY, letters, shrink
from trainables import encoders, text
from trainables.data.sequences import pack
from trainables.data.split import Rows
from trainables.data.tokens import tokenize

DATA, TEST = letters()
TOKENS, LABELS = DATA.texts.tokens, DATA.texts.labels
CONFIG = {
    "learning_rate": 1e-3,
    "batch_size": 7,
    "warmup_steps": 3,
    "max_seq_length": 20,
    "init": "scratch",
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)


def run(config: dict[str, Any], model: str = "bert-tiny", **context: Any) -> Recorder:
    held_out = TEST if context.get("final") else None
    recorder = Recorder(model, DATA, held_out=held_out, **{"max_steps": 2, **context})
    text.train({**CONFIG, **config}, recorder)
    return recorder


def padded(rows: Rows, max_length: int) -> dict[str, torch.Tensor]:
    """What a tokenizer with ``padding="max_length"`` would give."""
    ids = torch.zeros(len(rows), max_length, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for index, row in enumerate(rows):
        packed = pack(TOKENS, np.array([row]), max_length, VOCABULARY)
        ids[index, : packed.longest] = torch.from_numpy(packed.ids)
        mask[index, : packed.longest] = 1
    return {"input_ids": ids, "attention_mask": mask}


def reference(model: str, config: dict[str, Any], epochs: int, seed: int = 0) -> Any:
    """The network after a plain loop over padded batches in the order of ours."""
    torch.manual_seed(seed)
    network: Any = encoders.build(model, config, len(DATA.classes), len(VOCABULARY.pieces))
    network.set_attn_implementation("eager")
    decay = [weight for weight in network.parameters() if weight.ndim > 1]
    plain = [weight for weight in network.parameters() if weight.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}],
        lr=config["learning_rate"],
    )
    size = config["batch_size"]
    total = epochs * -(-len(DATA.train) // size)
    schedule = get_linear_schedule_with_warmup(optimizer, config["warmup_steps"], total)
    network.train()
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(DATA.train)
        for begin in range(0, len(order), size):
            rows = order[begin : begin + size]
            logits = network(**padded(rows, config["max_seq_length"])).logits
            cross_entropy(logits, torch.from_numpy(LABELS[rows])).backward()
            clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    return network.eval()


@pytest.mark.parametrize("model", encoders.ARCHITECTURES)
def test_training_equals_a_plain_loop_over_padded_batches(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = _keep_training(monkeypatch)
    config = {**CONFIG, "dropout": 0.0}
    reports = run(config, model).reports
    network = reference(model, config, epochs=2)
    for ours, theirs in zip(trained[0].network.parameters(), network.parameters(), strict=True):
        # Adam divides by gradients that may be all rounding, so a few weights differ by more.
        difference = (ours - theirs).abs()
        assert difference.mean() < 1e-5
        assert difference.max() < 1e-3
    with torch.inference_mode():
        logits = network(**padded(DATA.validation, 20)).logits.numpy()
    accuracy = (logits.argmax(1) == LABELS[DATA.validation]).mean()
    assert reports[-1].metrics["accuracy"] == pytest.approx(accuracy)


def _keep_training(monkeypatch: pytest.MonkeyPatch) -> list[text.Training]:
    kept: list[text.Training] = []
    begin = text.Training.__init__

    def remember(self: text.Training, *arguments: Any) -> None:
        begin(self, *arguments)
        kept.append(self)

    monkeypatch.setattr(text.Training, "__init__", remember)
    return kept


@pytest.mark.parametrize("model", ["bert-base", "distilbert"])
def test_packed_logits_are_those_of_the_network_itself(model: str) -> None:
    network: Any = encoders.build(model, {}, 3, len(VOCABULARY.pieces)).eval()
    batch = encoders.Inputs.of(pack(TOKENS, DATA.train, 25, VOCABULARY), "cpu")
    ours = encoders.logits(network, batch)
    network.set_attn_implementation("sdpa")
    theirs = network(**padded(DATA.train, 25)).logits
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


def test_the_network_can_be_built_without_memory() -> None:
    network = encoders.build("bert-base", {}, classes=4, device="meta")
    assert {weight.device.type for weight in network.parameters()} == {"meta"}


def test_it_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    values = run({"learning_rate": 1e-2, "dropout": 0.0}, max_steps=12).values
    assert len(values) == 12
    assert max(values) >= 0.75 > values[0]


@pytest.mark.parametrize("saves", [3, 4, 6])
def test_a_resumed_training_equals_an_uninterrupted_one(
    saves: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "CHECKPOINT_SECONDS", -1.0)  # after each of four batches, too
    whole = run({}).reports

    class Killed(Exception):
        pass

    class Interrupted(Recorder):
        left = count(1)

        def save(self, write: Callable[[Path], None]) -> None:
            super().save(write)
            if next(self.left) == saves:
                raise Killed

    first = Interrupted("bert-tiny", DATA, max_steps=2, folder=tmp_path / "kept")
    first.left = count(1)
    with pytest.raises(Killed):
        text.train(CONFIG, first)
    second = run({}, folder=tmp_path / "kept")
    done = [report for report in first.reports if report not in second.reports]
    assert done + second.reports == whole


def test_a_damaged_checkpoint_is_told_and_the_training_starts_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "kept"
    whole = run({}, folder=folder).reports
    for damage in (b"", b"rubbish", (folder / "state.pt").read_bytes()[:-500]):
        (folder / "state.pt").write_bytes(damage)
        caplog.clear()
        assert run({}, folder=folder).reports == whole
        assert "damaged, the trial starts anew" in caplog.text


def test_early_stopping_ends_after_so_many_epochs_without_a_better_value() -> None:
    flat = {"learning_rate": 1e-12, "warmup_steps": 0}
    assert len(run({**flat, "early_stopping": 2}, max_steps=9).reports) == 3
    assert len(run(flat, max_steps=5).reports) == 5


def test_a_loss_that_is_not_finite_is_what_is_reported() -> None:
    reports = run({"learning_rate": 1e30, "warmup_steps": 0, "dropout": 0.0}, max_steps=3).reports
    assert not np.isfinite(reports[-1].value)


def test_the_final_fit_trains_on_validation_data_too_and_tests_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained = _keep_training(monkeypatch)
    (report,) = run({"early_stopping": 1}, final=True, max_steps=3).reports
    assert report.step == 3
    assert sorted(trained[0].rows) == sorted([*DATA.train, *DATA.validation])
    assert trained[0].progress.epoch == 3
    assert report.metrics["accuracy"] == trained[0].measure(TEST)["accuracy"]


def test_a_kept_model_predicts_what_was_tested_here_and_in_transformers(tmp_path: Path) -> None:
    for model in ("bert-tiny", "distilbert"):
        folder = tmp_path / model
        (report,) = run({"learning_rate": 1e-2}, model, final=True, model_folder=folder).reports
        pieces = np.split(TEST.tokens.ids, TEST.tokens.offsets[1:-1])
        texts = [" ".join(VOCABULARY.pieces[number] for number in text) for text in pieces]
        probabilities = text.predictor(folder)(texts)
        accuracy = (probabilities.argmax(1) == TEST.labels).mean()
        assert report.metrics["accuracy"] == pytest.approx(accuracy)
        theirs = pipeline("text-classification", str(folder), top_k=None, device="cpu")
        for expected, scores in zip(probabilities, theirs(texts, truncation=True), strict=True):
            found = {score["label"]: score["score"] for score in scores}
            assert [*map(found.get, DATA.classes)] == pytest.approx(expected, abs=1e-5)
        assert not [*folder.rglob("*.bin"), *folder.rglob("*.p*t*")]
        first, _ = json.loads((folder / "example.json").read_text())
        begun = TOKENS.take(DATA.train[:1]).ids[: text.EXAMPLE_TOKENS]
        np.testing.assert_array_equal(tokenize([first], VOCABULARY).ids, begun)


def test_a_kept_model_is_a_checkpoint_to_start_from(tmp_path: Path) -> None:
    run({}, "bert-base", final=True, model_folder=tmp_path / "kept")
    start = {"init": "pretrained", "checkpoint": str(tmp_path / "kept"), "learning_rate": 0.0}
    values = run(start, "bert-base", max_steps=1).values
    kept = text.predictor(tmp_path / "kept")
    letters = [VOCABULARY.pieces[number] for number in range(5, 31)]
    assert kept(letters).shape == (26, 3)
    assert 0 <= values[0] <= 1


def test_the_metric_reported_is_the_one_of_the_data() -> None:
    from dataclasses import replace

    data = replace(DATA, metric="macro_f1")
    recorder = Recorder("bert-tiny", data, max_steps=1)
    text.train(CONFIG, recorder)
    assert recorder.values == [recorder.reports[0].metrics["macro_f1"]]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"learning_rat": 1}, "unknown parameter 'learning_rat'"),
        ({"init": "warm"}, "pretrained or scratch expected, got 'warm'"),
        ({"max_seq_length": 513}, "3 to 512 expected, got 513"),
    ],
)
def test_what_cannot_be_trained_is_refused(config: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        run(config)


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown model 'gpt'\. Known: bert-base"):
        run({}, model="gpt")


def test_published_weights_are_named_by_their_commit() -> None:
    pinned = [architecture.revision for architecture in encoders.ARCHITECTURES.values()]
    assert all(re.fullmatch("[0-9a-f]{40}", revision) for revision in pinned)
