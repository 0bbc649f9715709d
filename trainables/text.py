"""Text classifiers: BERT-base, DistilBERT and a small BERT for CPUs, one training a configuration.

Measured on one CPU core, seed 0: bert-tiny from scratch on IMDB comes to an accuracy of 0.831 and a
macro F1 of 0.831 after the first of four epochs (35,000 texts of at most 128 tokens; some eight CPU
minutes with reading and cutting them; ``benchmarks/learning.py`` has the configuration).

How it works, and why it is fast:
- Texts come as token ids, cut once per study; a batch is packed from them in 0.1 ms, without
  padding (``trainables.data.sequences``, ``trainables.encoders``).
- A step is an epoch. It ends with accuracy and macro F1 on the whole validation set.
- AdamW with decay 0.01 but for biases and norms, gradients clipped to norm 1, learning rate with
  linear warm-up and linear decay to 0 over all epochs: the recipe of J. Devlin et al., BERT
  (NAACL 2019), appendix A.3, and of its ``optimization.py``, with the bias correction that
  M. Mosbach et al. (ICLR 2021) found to matter.
- bfloat16 autocast on a GPU; on a CPU the same code in float32.
- A checkpoint after each epoch, and within one every five minutes.

    python -m trainables.text --dataset ag-news --model bert-tiny --set init=scratch --synthetic
"""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trainables import standalone
from trainables.base import EXAMPLE_FILE, Config, Context, Offer
from trainables.data.split import Rows
from trainables.data.texts import METRICS, SOURCES, TextData, Texts, load, locate
from trainables.metrics import class_scores

if TYPE_CHECKING:
    from torch import Tensor, nn
    from transformers import PreTrainedModel

MODELS = ("bert-base", "distilbert", "bert-tiny")
CHECKPOINT_SECONDS = 300.0
LARGEST_NORM = 1.0
EXAMPLE_TOKENS = 32


@dataclass(frozen=True)
class Setting:
    """The parameters of a training, searched or fixed, with their defaults.

    ``init`` is ``pretrained`` (from the folder ``checkpoint``, else from the Hugging Face Hub) or
    ``scratch``. ``early_stopping`` ends a trial after so many epochs without a better value; 0
    never does. ``dropout`` is that of the hidden states.
    """

    learning_rate: float = 3e-5
    batch_size: int = 16
    warmup_steps: int = 0
    max_seq_length: int = 256
    weight_decay: float = 0.01
    dropout: float = 0.1
    early_stopping: int = 0
    init: str = "pretrained"
    checkpoint: str = ""

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Setting":
        """Raises ``ValueError`` for a parameter or value that it does not know."""
        defaults = asdict(cls())
        if unknown := [name for name in config if name not in defaults]:
            raise ValueError(f"unknown parameter {unknown[0]!r}. Known: {', '.join(defaults)}")
        setting = cls(**{name: type(defaults[name])(value) for name, value in config.items()})
        if setting.init not in ("pretrained", "scratch"):
            raise ValueError(f"init: pretrained or scratch expected, got {setting.init!r}")
        if not 3 <= setting.max_seq_length <= 512:
            raise ValueError(f"max_seq_length: 3 to 512 expected, got {setting.max_seq_length}")
        return setting


@dataclass
class Progress:
    """How far a training is: whole epochs, batches of the next one, and its best value so far."""

    epoch: int = 0
    batch: int = 0
    best: float = -math.inf
    best_epoch: int = 0


def train(config: Config, context: Context) -> None:
    """Train ``config`` and report each epoch, or once on the test data if ``context.final``."""
    import torch

    torch.set_num_threads(context.threads)
    torch.manual_seed(context.seed)
    training = Training(Setting.of({**context.options, **config}), context)
    training.restore()
    validation = context.data.texts.take(context.data.validation)
    while not training.is_over:
        loss = training.finish_epoch()
        if not context.final:
            training.report(validation, loss)
        context.save(training.write)
    if context.final:
        training.report(context.held_out, 0.0)
        context.keep(training.keep)


class Training:
    """The network of one configuration, its optimiser and its progress."""

    def __init__(self, setting: Setting, context: Context) -> None:
        import torch
        from transformers import get_linear_schedule_with_warmup

        from trainables.classifier import Classifier

        self.setting = setting
        self.context = context
        self.data: TextData = context.data
        self.progress = Progress()
        network: Any = _network(context.model, setting, self.data)
        self.network: nn.Module = network.to(context.device)
        self.classifier = Classifier(
            network,
            self.data.classes,
            self.data.vocabulary,
            setting.max_seq_length,
            context.device,
        )
        self.optimizer = torch.optim.AdamW(
            _groups(self.network, setting.weight_decay), lr=setting.learning_rate, fused=True
        )
        self.rows = self.data.train
        if context.final:
            self.rows = np.concatenate([self.data.train, self.data.validation])
        self.batches = math.ceil(len(self.rows) / setting.batch_size)
        self.schedule = get_linear_schedule_with_warmup(  # type: ignore[no-untyped-call]
            self.optimizer, setting.warmup_steps, self.batches * context.max_steps
        )
        self.loss = torch.zeros((), device=context.device)
        self.saved = time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether all epochs are done, or ``early_stopping`` of them brought nothing better."""
        progress, patience = self.progress, self.setting.early_stopping
        stuck = 0 < patience <= progress.epoch - progress.best_epoch
        return progress.epoch >= self.context.max_steps or (stuck and not self.context.final)

    def finish_epoch(self) -> float:
        """Train on what is left of the epoch; returns the mean loss of its batches."""
        progress, size = self.progress, self.setting.batch_size
        order = np.random.default_rng([self.context.seed, progress.epoch]).permutation(self.rows)
        self.network.train()
        while progress.batch < self.batches:
            self.step(order[progress.batch * size : (progress.batch + 1) * size])
            progress.batch += 1
            if time.monotonic() - self.saved > CHECKPOINT_SECONDS:
                self.context.save(self.write)
        loss = float(self.loss) / self.batches
        self.loss.zero_()
        progress.epoch, progress.batch = progress.epoch + 1, 0
        return loss

    def step(self, rows: Rows) -> None:
        """One update on the texts ``rows``; nothing waits for the device."""
        from torch.nn.functional import cross_entropy
        from torch.nn.utils import clip_grad_norm_

        logits = self.classifier.logits(self.data.texts.tokens, rows)
        loss = cross_entropy(logits, self.targets(self.data.texts, rows))
        loss.backward()  # type: ignore[no-untyped-call]
        clip_grad_norm_(self.network.parameters(), LARGEST_NORM)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad()
        self.loss += loss.detach()

    def report(self, texts: Texts, loss: float) -> None:
        """Measure on ``texts`` and report; a loss that is not finite is no accuracy."""
        progress, metrics = self.progress, self.measure(texts)
        value = metrics[self.data.metric] if math.isfinite(loss) else loss
        if value > progress.best:
            progress.best, progress.best_epoch = value, progress.epoch
        rate = self.schedule.get_last_lr()[0]
        step = self.context.max_steps if self.context.final else progress.epoch
        self.context.report(step, value, {**metrics, "train_loss": loss, "last_rate": rate})

    def measure(self, texts: Texts) -> dict[str, float]:
        """Accuracy and macro F1 on ``texts``, counted on the device."""
        import torch

        count = len(self.data.classes)
        cells = torch.zeros(count * count, dtype=torch.long, device=self.context.device)
        for rows, logits in self.classifier.predict(texts.tokens):
            pairs = self.targets(texts, rows) * count + logits.argmax(1)
            cells += torch.bincount(pairs, minlength=count * count)
        return class_scores(cells.reshape(count, count).cpu().numpy())

    def targets(self, texts: Texts, rows: Rows) -> "Tensor":
        """The classes of the texts ``rows``, on the device."""
        from trainables.encoders import moved

        return moved(texts.labels[rows], self.context.device)

    def write(self, folder: Path) -> None:
        """Keep what ``restore`` needs in ``folder``."""
        from trainables import checkpoint

        state = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "loss": self.loss,
            "progress": asdict(self.progress),
        }
        checkpoint.write(state, folder)
        self.saved = time.monotonic()

    def keep(self, folder: Path) -> None:
        """Keep the trained model, with the beginnings of two texts as its example."""
        self.classifier.save(folder)
        texts = [self.data.texts.tokens.take(row) for row in self.data.train[:2, None]]
        starts = [self.data.vocabulary.text(text.ids[:EXAMPLE_TOKENS]) for text in texts]
        (folder / EXAMPLE_FILE).write_text(json.dumps(starts))

    def restore(self) -> None:
        """Go on from the last checkpoint, if there is one that can be read."""
        from trainables import checkpoint

        state = checkpoint.read(self.context.restore())
        if state:
            self.network.load_state_dict(state["network"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.schedule.load_state_dict(state["schedule"])
            self.loss.copy_(state["loss"])
            self.progress = Progress(**state["progress"])


def predictor(folder: Path) -> Callable[[Sequence[str]], NDArray[np.float32]]:
    """The kept model of ``folder``: from texts to the probabilities of their classes."""
    from trainables.classifier import Classifier

    return Classifier.load(folder).probabilities


def peak_bytes(config: Config, dataset: str, model: str) -> int:
    """GPU memory that a training takes at most, were all its texts as long as they may be."""
    from trainables import encoders
    from trainables.classifier import MEASURED_TOKENS

    setting, classes = Setting.of(config), len(SOURCES[dataset].classes)
    batch = setting.batch_size, setting.max_seq_length
    return encoders.peak_bytes(model, classes, *batch, MEASURED_TOKENS["cuda"])


def _network(model: str, setting: Setting, data: TextData) -> "PreTrainedModel":
    """The network to start from; raises ``ValueError`` if its weights cannot be had or used."""
    from trainables import encoders

    config, classes, pieces = asdict(setting), len(data.classes), len(data.vocabulary.pieces)
    if setting.init == "scratch":
        return encoders.build(model, config, classes, pieces)
    source, revision = setting.checkpoint, "main"
    if not source:
        source, revision = encoders.published(model, data.directory)
    network = encoders.read(model, source, revision, config, classes)
    if network.config.vocab_size < pieces:
        raise ValueError(
            f"{source}: knows {network.config.vocab_size} word pieces, the"
            f" vocabulary of the data has {pieces}. Use the vocabulary of the model."
        )
    return network


def _groups(network: "PreTrainedModel", weight_decay: float) -> list[dict[str, Any]]:
    """Matrices decay; biases and the gains of norms, which are vectors, do not."""
    weights = [*network.parameters()]
    return [
        {"params": [weight for weight in weights if weight.ndim > 1], "weight_decay": weight_decay},
        {"params": [weight for weight in weights if weight.ndim == 1], "weight_decay": 0.0},
    ]


OFFER = Offer(
    datasets=tuple(SOURCES),
    models=MODELS,
    metrics=dict.fromkeys(METRICS, "max"),
    locate=locate,
    options=("init", "checkpoint", "early_stopping"),
    parameters=tuple(field.name for field in fields(Setting)),
)


if __name__ == "__main__":
    standalone.main(train, load, MODELS)
