import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests.trainables.recorder import Recorder
from trainables import image
from trainables.augment import augment
from trainables.base import EXAMPLE_FILE, DataError, DataRequest, DataUnavailable
from trainables.data.image_data import load
from trainables.image import peak_bytes, predictor, rate, snap, train
from trainables.networks import MODELS, build, load_weights
from trainables.training import Training
from trainables.weights import initial_weights, read_weights

DIGITS = load(DataRequest("digits", 0, model="resnet8"))
CONFIG = {"learning_rate": 0.05, "batch_size": 64, "weight_decay": 5e-4, "dropout": 0.1}


def recorder(**given: Any) -> Recorder:
    return Recorder("resnet8", DIGITS.payload, **{"max_steps": 2, **given})


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_training_equals_a_plain_loop(model: str) -> None:
    """To 1e-9 after two steps in float64: the same sums, in another memory layout."""
    torch.manual_seed(0)
    shape, decay = (32, 32, 3), 0.01
    fast, plain = (build(model, {}, 4, shape).double() for _ in range(2))
    plain.load_state_dict(fast.state_dict())
    batches = [(torch.randn(8, 3, 32, 32).double(), torch.randint(4, (8,))) for _ in range(2)]
    training = Training(fast, {"weight_decay": decay}, "cpu")
    torch.manual_seed(1)
    for images, labels in batches:
        training.step(images, labels, 0.001)
    groups: list[dict[str, Any]] = [
        {"params": [p], "weight_decay": decay if p.dim() > 1 else 0} for p in plain.parameters()
    ]
    optimizer = torch.optim.SGD(groups, 0.001, 0.9, nesterov=True)
    torch.manual_seed(1)
    for images, labels in batches:
        optimizer.zero_grad()
        functional.cross_entropy(plain(images), labels).backward()
        optimizer.step()
    for name, weights in plain.state_dict().items():
        other = fast.state_dict()[name]
        assert torch.allclose(weights, other, atol=1e-9, rtol=1e-9), name


def test_a_whole_training_equals_a_plain_loop_over_its_images() -> None:
    """To 1e-4 in float32: order, scale, learning rate, and what is measured in the end."""
    rows = DIGITS.payload.train[:48]
    data = replace(DIGITS.payload, train=rows, validation=rows[:16], fingerprint="48 digits")
    context = Recorder("resnet8", data, max_steps=2)
    config = {**CONFIG, "batch_size": 16, "learning_rate": 0.01, "dropout": 0.0}
    train(config, context)
    torch.manual_seed(0)
    network = build("resnet8", {}, 10, (8, 8, 1))
    groups = [
        {"params": [p for p in network.parameters() if (p.dim() > 1) == decays], "weight_decay": w}
        for decays, w in ((True, 5e-4), (False, 0.0))
    ]
    optimizer = torch.optim.SGD(groups, 0.01, 0.9, nesterov=True)
    pixels = torch.from_numpy(data.images[rows]).permute(0, 3, 1, 2).float()
    images = (pixels - pixels.mean()) / pixels.std(correction=0)
    labels = torch.from_numpy(data.labels[rows])
    steps = iter(range(6))
    for epoch in range(2):
        torch.manual_seed(epoch + 1)
        for batch in torch.randperm(48).split(16):
            now = rate(0.01, 6, next(steps))
            for group in optimizer.param_groups:
                group["lr"] = now
            optimizer.zero_grad()
            functional.cross_entropy(network(images[batch]), labels[batch]).backward()
            optimizer.step()
    logits = network.eval()(images[:16])
    loss = functional.cross_entropy(logits, labels[:16]).item()
    found = context.reports[-1].metrics
    assert found["loss"] == pytest.approx(loss, rel=1e-4)
    assert found["accuracy"] == (logits.argmax(1) == labels[:16]).double().mean()


def test_digits_are_learned_and_the_metrics_are_those_of_scikit_learn(tmp_path: Path) -> None:
    from sklearn.metrics import f1_score

    context = recorder(final=True, held_out=DIGITS.held_out, folder=tmp_path / "checkpoint")
    kept: list[Path] = []
    context.keep = lambda write: (write(tmp_path), kept.append(tmp_path))[1]  # type: ignore
    train(CONFIG, context)
    (report,) = context.reports
    assert report.value > 0.9
    predicted = predictor(tmp_path)(DIGITS.held_out.images).argmax(1)
    truth = DIGITS.held_out.labels
    assert report.metrics["accuracy"] == pytest.approx((predicted == truth).mean())
    expected = f1_score(truth, predicted, average="macro")
    assert report.metrics["macro_f1"] == pytest.approx(expected)
    assert json.loads((tmp_path / "model.json").read_text())["model"] == "resnet8"
    assert predictor(tmp_path)(np.uint8(json.loads((tmp_path / EXAMPLE_FILE).read_text()))).all()


def test_a_trial_that_goes_on_from_its_checkpoint_ends_as_if_it_had_not_stopped(
    tmp_path: Path,
) -> None:
    class Stop(Exception):
        pass

    class Interrupted(Recorder):
        def report(self, step: int, *rest: Any) -> None:
            super().report(step, *rest)
            if step == 2:
                raise Stop

    whole = recorder()
    train(CONFIG, whole)
    first = Interrupted("resnet8", DIGITS.payload, max_steps=2, folder=tmp_path / "kept")
    with pytest.raises(Stop):
        train(CONFIG, first)
    second = recorder(folder=tmp_path / "kept")
    train(CONFIG, second)
    assert [report.step for report in second.reports] == [2]
    assert second.reports[0] == whole.reports[1]


def test_early_stopping_ends_after_so_many_epochs_without_a_better_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a trial goes on from its checkpoint; never in a final fit."""
    few = replace(DIGITS.payload, train=DIGITS.payload.train[:64], fingerprint="few")
    told = iter([0.2, 0.4, 0.4, 0.3, *(0.2, 0.4, 0.4), *(0.4, 0.3), 0.5])
    monkeypatch.setattr(image, "_measure", lambda *_: {"accuracy": next(told)})
    whole = Recorder("resnet8", few, options={"early_stopping": 2})
    train(CONFIG, whole)
    assert whole.values == [0.2, 0.4, 0.4, 0.3]
    first, second = (
        Recorder("resnet8", few, options=whole.options, folder=tmp_path / "kept") for _ in range(2)
    )
    first.report = partial(_stop_after, first, 3)  # type: ignore[method-assign]
    with pytest.raises(StopIteration):
        train(CONFIG, first)
    train(CONFIG, second)
    assert [report.step for report in second.reports] == [3, 4]
    final = Recorder("resnet8", few, max_steps=4, options=whole.options, final=True)
    final.held_out = DIGITS.held_out
    train(CONFIG, final)
    assert [(report.step, report.value) for report in final.reports] == [(4, 0.5)]


def _stop_after(recorder: Recorder, step: int, *given: Any) -> None:
    Recorder.report(recorder, *given)
    if given[0] == step:
        raise StopIteration


def test_the_batch_size_that_ran_is_what_is_reported() -> None:
    assert [snap(size) for size in (16, 19, 21, 29, 64)] == [16, 16, 24, 32, 64]
    context = recorder(max_steps=1)
    train({**CONFIG, "batch_size": 61}, context)
    assert context.reports[0].config == {"batch_size": 64}


def test_memory_is_told_by_network_and_batch_size_alone() -> None:
    expected = [peak_bytes({"batch_size": n}, "digits", "resnet8") for n in (16, 17, 64)]
    assert expected[0] == expected[1] < expected[2]
    assert peak_bytes({"batch_size": 16, "learning_rate": 1.0}, "digits", "resnet8") == expected[0]
    assert peak_bytes({}, "cifar10", "efficientnet-b0") > expected[2]


def test_the_learning_rate_rises_and_falls_to_nothing() -> None:
    rates = [rate(0.1, 100, step) for step in range(100)]
    assert rates[0] == pytest.approx(0.02)
    assert max(rates) == rates[4] == pytest.approx(0.1)
    assert rates[5:] == sorted(rates[5:], reverse=True)
    assert rates[-1] < 1e-4


def test_augmentation_moves_pixels_and_invents_none() -> None:
    torch.manual_seed(0)
    images = torch.randint(1, 256, (64, 3, 8, 8), dtype=torch.uint8)
    same = augment(images, {"flip": False, "crop": 0, "rotation": 0.0})
    assert torch.equal(same, images.float())
    flipped = augment(images, {"flip": True, "crop": 0, "rotation": 0.0})
    for before, after in zip(images.float(), flipped, strict=True):
        assert torch.equal(after, before) or torch.equal(after, before.flip(2))
    shifted = augment(images, {"flip": False, "crop": 2, "rotation": 0.0})
    assert torch.equal(shifted[:, :, 2:6, 2:6] > 0, torch.ones(64, 3, 4, 4, dtype=torch.bool))
    assert not torch.equal(shifted, same)
    windows = torch.nn.functional.pad(images, (2, 2, 2, 2)).unfold(2, 8, 1).unfold(3, 8, 1)
    hits = (windows.permute(0, 2, 3, 1, 4, 5) == shifted[:, None, None]).flatten(3).all(3)
    assert hits.sum((1, 2)).tolist() == [1] * 64, "each image is one window of itself"
    assert len(hits.nonzero()[:, 1:].unique(dim=0)) > 10
    turned = augment(images, {"flip": False, "crop": 0, "rotation": 30.0})
    assert turned.shape == same.shape
    assert not torch.equal(turned, same)


def test_the_same_images_are_shifted_alike_however_they_lie_in_memory() -> None:
    how = {"flip": False, "crop": 2, "rotation": 0.0}
    images = torch.randint(0, 256, (5, 3, 6, 8), dtype=torch.uint8)
    torch.manual_seed(0)
    plain = augment(images, how)
    torch.manual_seed(0)
    last = augment(images.to(memory_format=torch.channels_last), how)
    assert torch.equal(plain, last)


def test_a_checkpoint_of_larger_kernels_and_other_classes_is_begun_with() -> None:
    from torchvision.models import resnet50

    given = resnet50()
    network = build("resnet50", {}, 10, (32, 32, 3))
    load_weights(network, given.state_dict())
    state = network.state_dict()
    assert torch.equal(state["conv1.weight"], given.conv1.weight[:, :, 2:5, 2:5])
    assert torch.equal(state["layer1.0.conv1.weight"], given.layer1[0].conv1.weight)
    with pytest.raises(ValueError, match="it is of another network"):
        load_weights(build("resnet8", {}, 10, (32, 32, 3)), given.state_dict())


def test_initial_weights_are_given_asked_for_or_none_and_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("urllib.request.urlopen", _no_network)
    monkeypatch.setattr("torch.hub.urlopen", _no_network)
    assert initial_weights("resnet50", {"init": "scratch"}) is None
    assert initial_weights("resnet8", {}) is None
    with pytest.raises(DataUnavailable, match=r"model\.checkpoint=FILE.*model\.init=scratch"):
        initial_weights("resnet50", {})
    with pytest.raises(DataError, match=r"no published weights. Write init: scratch"):
        initial_weights("resnet8", {"init": "pretrained"})
    torch.save({"a": torch.ones(2)}, tmp_path / "a.pt")
    np.testing.assert_array_equal(read_weights(tmp_path / "a.pt")["a"], [1, 1])
    with pytest.raises(DataError, match=r"none.safetensors: no weights"):
        read_weights(tmp_path / "none.safetensors")


def _no_network(*_: object, **__: object) -> None:
    raise OSError("no network")
