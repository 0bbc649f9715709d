"""Networks on images: ResNet-50, EfficientNet-B0 and a small ResNet; a training a configuration.

Measured on one CPU core, seed 0: resnet8 comes to an accuracy of 0.985 on digits in 3 epochs of 2
seconds, and on CIFAR-10 from scratch to 0.453, 0.546, 0.652, 0.724, 0.759, 0.77 in 6 epochs (42,000
images, 580 seconds; ``--option init=scratch --set learning_rate=0.1 --set batch_size=64``).

How it works, and why it is fast:
- Images lie on the device as uint8, once per process; batches are gathered and augmented there. One
  CPU core makes 47,000 images of CIFAR-10 a second ready (``benchmarks/images.py``).
- On a GPU: bfloat16 autocast, channels-last, and after ``WARM_UP_STEPS`` steps each training step
  is the replay of one CUDA graph (not yet run on a GPU). On a CPU the same code runs in float32.
- Batch sizes are the nearest of ``BATCH_SIZES``; the one that ran is what is reported.
- Metrics are counted on the device once per epoch, over the whole validation part.
- The random numbers of an epoch depend on seed and epoch alone, so that a trial that goes on from
  its checkpoint, written after each epoch, ends as if it had never stopped; on a GPU but for the
  order in which its kernels add up.

SGD with Nesterov momentum 0.9; the learning rate rises over the first 5 % of the steps (P. Goyal et
al., arXiv 1706.02677) and falls by a cosine to 0 (I. Loshchilov and F. Hutter, arXiv 1608.03983);
no weight decay on biases and norms (T. He et al., arXiv 1812.01187). Flips and shifts by 4 pixels
are what K. He et al. (arXiv 1512.03385) use on CIFAR; ``model.flip``, ``crop`` and ``rotation``
change that. ``model.early_stopping`` ends a trial after so many epochs without a better value.

    python -m trainables.image --dataset digits --model resnet8 --set learning_rate=0.05
"""

import json
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trainables import standalone
from trainables.base import EXAMPLE_FILE, Config, Context, Offer
from trainables.data.image_data import METRICS, HeldOut, ImageData, load
from trainables.data.images import SOURCES, Labels, Pixels, locate
from trainables.data.split import Rows
from trainables.metrics import class_scores

if TYPE_CHECKING:
    from torch import Tensor, nn

    from trainables.training import Training

DEFAULTS = {"learning_rate": 0.05, "batch_size": 32, "weight_decay": 5e-4, "dropout": 0.0}
BATCH_SIZES = (16, 24, 32, 48, 64)
MODELS = ("resnet50", "efficientnet-b0", "resnet8")
MEASURE_BATCH = 256
RISING_SHARE = 0.05
WEIGHTS_FILE, FACTS_FILE = "model.safetensors", "model.json"


def snap(batch_size: float) -> int:
    """The nearest batch size that is used: few sizes mean few graphs and kernels."""
    return min(BATCH_SIZES, key=lambda size: abs(size - batch_size))


def train(config: Config, context: Context) -> None:
    """Train a network; a step is an epoch. Raises ``ValueError`` for what it cannot build."""
    import torch

    from trainables.training import Training

    torch.set_num_threads(context.threads)
    parameters = {**DEFAULTS, **config}
    size = snap(parameters["batch_size"])
    torch.manual_seed(context.seed)
    training = Training(_network(parameters, context), parameters, context.device)
    run_epoch = _epochs(training, parameters, size, context)
    measured = _part(context.held_out, context) if context.final else _shared(context)[1]
    changed = {"batch_size": size} if size != parameters["batch_size"] else None
    epoch, values = training.restore(context.restore())
    while epoch < context.max_steps and not is_stuck(values, context):
        run_epoch(epoch)
        epoch += 1
        last = epoch == context.max_steps
        if last or not context.final:
            metrics = _measure(training.logits, measured, context.data.classes)
            values.append(metrics[context.data.metric])
            context.report(epoch, values[-1], metrics, changed)
        if not last:
            context.save(partial(training.save, epoch, values))
    if context.final:
        context.keep(partial(_keep, training.network, parameters, context))


def is_stuck(values: Sequence[float], context: Context) -> bool:
    """Whether a trial had ``early_stopping`` epochs in a row without a better value."""
    patience = int(context.options.get("early_stopping", 0))
    return bool(patience and values) and len(values) - int(np.argmax(values)) > patience


def rate(peak: float, steps: int, step: int) -> float:
    """The learning rate of a step: a rise over the first steps, then half a cosine to 0."""
    rising = max(1, round(RISING_SHARE * steps))
    if step < rising:
        return peak * (step + 1) / rising
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


def peak_bytes(config: Config, dataset: str, model: str) -> int:
    """GPU memory that a training takes at most: the network's, and the images on the device."""
    from trainables.networks import peak_bytes

    source, size = SOURCES[dataset], snap(config.get("batch_size", DEFAULTS["batch_size"]))
    images = sum(source.rows) * math.prod(source.shape)
    return images + peak_bytes(model, source.classes, source.shape, size)


def predictor(folder: Path) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """A kept model: from images (n, height, width, channels) to probabilities (n, classes)."""
    import torch
    from safetensors.torch import load_file

    from trainables.networks import build

    facts = json.loads((folder / FACTS_FILE).read_text())
    network = build(facts["model"], {}, facts["classes"], tuple(facts["shape"]))
    network.load_state_dict(load_file(folder / WEIGHTS_FILE))
    network.eval()
    scale = Scale(*(torch.tensor(facts[name])[:, None, None] for name in ("mean", "deviation")))

    def predict(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        answers = []
        with torch.inference_mode():
            for start in range(0, len(images), MEASURE_BATCH):
                batch = torch.from_numpy(
                    images[start : start + MEASURE_BATCH].transpose(0, 3, 1, 2)
                )
                answers.append(network(scale(batch.float())).softmax(1))
        return torch.cat(answers).numpy()

    return predict


@dataclass(frozen=True)
class Scale:
    """Mean and deviation of each channel, (channels, 1, 1), over the training images."""

    mean: "Tensor"
    deviation: "Tensor"

    def __call__(self, images: "Tensor") -> "Tensor":
        """Images of 0 to 255 on the scale that the network is trained on, in one pass."""
        return (-self.mean / self.deviation).addcmul(images, 1 / self.deviation)


@dataclass(frozen=True)
class Part:
    """Images (n, channels, height, width) uint8 and labels on a device, rows in use, and scale."""

    images: "Tensor"
    labels: "Tensor"
    rows: "Tensor"
    scale: Scale


def _network(parameters: Config, context: Context) -> "nn.Module":
    from trainables.networks import build, load_weights

    data = context.data
    network = build(context.model, parameters, data.classes, data.images.shape[1:])
    if data.weights is not None:
        load_weights(network, data.weights)
    return network


def _epochs(
    training: "Training", parameters: Config, size: int, context: Context
) -> Callable[[int], None]:
    """A function that trains one epoch, the last part of a batch left out."""
    import torch

    from trainables.augment import augment

    fit = _part(None, context) if context.final else _shared(context)[0]
    steps = max(1, len(fit.rows) // size)
    peak, how = float(parameters["learning_rate"]), _augmentation(context)

    def run(epoch: int) -> None:
        torch.manual_seed((context.seed * 1_000_003 + epoch + 1) % 2**63)
        order = fit.rows[torch.randperm(len(fit.rows)).to(fit.rows.device)]
        for step in range(steps):
            rows = order[step * size : (step + 1) * size]
            images = fit.scale(augment(fit.images[rows], how))
            now = rate(peak, steps * context.max_steps, epoch * steps + step)
            training.step(images, fit.labels[rows], now)

    return run


def _augmentation(context: Context) -> Config:
    """What the task asks for; digits are neither mirrored nor shifted unless it does."""
    small = context.data.images.shape[3] == 1
    usual = {"flip": not small, "crop": 0 if small else 4, "rotation": 0.0}
    return {name: context.options.get(name, value) for name, value in usual.items()}


def _shared(context: Context) -> tuple[Part, Part]:
    """The training and the validation part, on the device once per process."""
    return _resident(context.data, context.device)


@lru_cache(maxsize=2)
def _resident(data: ImageData, device: str) -> tuple[Part, Part]:
    whole = _on_device(data.images, data.labels, data.train, device, _scale(data, device))
    rows = _tensor(data.validation, device)
    return whole, replace(whole, rows=rows)


def _part(held_out: HeldOut | None, context: Context) -> Part:
    """The part to test on, or all that is not it."""
    source = held_out or context.data
    rows = np.arange(len(source.labels))
    scale = _scale(context.data, context.device)
    return _on_device(source.images, source.labels, rows, context.device, scale)


def _on_device(images: Pixels, labels: Labels, rows: Rows, device: str, scale: Scale) -> Part:
    pixels = _tensor(images, device).permute(0, 3, 1, 2)
    return Part(pixels, _tensor(labels, device), _tensor(rows, device), scale)


def _tensor(array: NDArray[Any], device: str) -> "Tensor":
    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array).to(device)  # nobody writes to shared data


def _scale(data: ImageData, device: str) -> Scale:
    mean, deviation = _moments(data)
    return Scale(*(_tensor(v[:, None, None], device) for v in (mean, deviation)))


@lru_cache(maxsize=2)
def _moments(data: ImageData) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and deviation of each channel over the training images, from counts of the values."""
    pixels = data.images[data.train].reshape(-1, data.images.shape[3])
    counts = np.stack([np.bincount(channel, minlength=256) for channel in pixels.T])
    shares, values = counts / counts.sum(1, keepdims=True), np.arange(256)
    mean = shares @ values
    deviation = np.sqrt(np.maximum(shares @ values**2 - mean**2, 1.0))
    return mean.astype(np.float32), deviation.astype(np.float32)


def _measure(logits: Callable[["Tensor"], "Tensor"], part: Part, classes: int) -> dict[str, float]:
    """Accuracy, macro F1 and the mean loss, read from the device once."""
    import torch

    counts = torch.zeros(classes * classes, dtype=torch.int64, device=part.labels.device)
    loss = torch.zeros((), device=part.labels.device)
    for rows in torch.split(part.rows, MEASURE_BATCH):
        answer, truth = logits(part.scale(part.images[rows].float())), part.labels[rows]
        loss += torch.nn.functional.cross_entropy(answer, truth, reduction="sum")
        counts += torch.bincount(truth * classes + answer.argmax(1), minlength=classes**2)
    scores = class_scores(counts.view(classes, classes).cpu().numpy())
    return {**scores, "loss": float(loss.cpu() / len(part.rows))}


def _keep(network: "nn.Module", parameters: Config, context: Context, folder: Path) -> None:
    from safetensors.torch import save_file

    state = {name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()}
    save_file(state, folder / WEIGHTS_FILE)
    mean, deviation = _moments(context.data)
    facts = {
        "model": context.model,
        "classes": context.data.classes,
        "shape": list(context.data.images.shape[1:]),
        "mean": mean.tolist(),
        "deviation": deviation.tolist(),
        "config": dict(parameters),
    }
    (folder / FACTS_FILE).write_text(json.dumps(facts))
    example = context.data.images[context.data.train[:2]].tolist()
    (folder / EXAMPLE_FILE).write_text(json.dumps(example))


OFFER = Offer(
    datasets=tuple(SOURCES),
    models=MODELS,
    metrics=dict.fromkeys(METRICS, "max"),
    locate=locate,
    options=("init", "checkpoint", "flip", "crop", "rotation", "early_stopping"),
    parameters=tuple(DEFAULTS),
)


if __name__ == "__main__":
    standalone.main(train, load, MODELS)
