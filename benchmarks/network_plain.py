"""The plain way to train the same networks: what ``benchmarks.network`` measures against.

Eager bfloat16 and a ``DataLoader``: images one by one through PIL and torchvision's transforms,
texts padded to the maximum length. Same networks, optimisers and schedules as the product's.

    python -m benchmarks.network_plain cifar10-resnet50     (one trial in a process of its own)
"""

import argparse
import json
import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision.transforms import v2
from transformers import BertTokenizer

from benchmarks.network_cases import BATCH, CASES, Case, Timed, shrunk
from trainables import encoders, image, networks

WORKERS = 8
"""Processes that make batches ready."""

CHUNK = 1_000
MEASURED_BATCH = 64
MOMENTS = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)

Sets = Callable[[], list[Any]]
"""Makes PyTorch's data sets of the training and the validation samples."""


class Pictures(Dataset[tuple[Tensor, int]]):
    """Images one by one, shifted and mirrored where one learns from them."""

    def __init__(self, pixels: NDArray[np.uint8], labels: NDArray[np.int64], learn: bool) -> None:
        self.pixels, self.labels = pixels, labels
        chance = [v2.RandomCrop(pixels.shape[1], padding=4), v2.RandomHorizontalFlip()]
        numbers = [v2.PILToTensor(), v2.ToDtype(torch.float32, True), v2.Normalize(*MOMENTS)]
        self.transform = v2.Compose([*(chance if learn else []), *numbers])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.pixels[row])), int(self.labels[row])


class Padded(Dataset[tuple[Tensor, Tensor, int]]):
    """Texts of one length, cut as a script does before it trains: word pieces, and which count."""

    def __init__(
        self, written: list[str], labels: NDArray[np.int64], cutter: Any, longest: int
    ) -> None:
        parts = []
        for begin in range(0, len(written), CHUNK):
            chunk = written[begin : begin + CHUNK]
            cut = cutter(chunk, truncation=True, max_length=longest, padding="max_length")
            parts.append([torch.tensor(cut[name]) for name in ("input_ids", "attention_mask")])
        self.ids, self.mask = (torch.cat(column) for column in zip(*parts, strict=True))
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor, int]:
        return self.ids[row], self.mask[row], int(self.labels[row])


def sets_of(case: Case, data: Any) -> Sets:
    """What cuts texts or opens pictures, on what is in memory already."""
    parts = data.train, data.validation
    if not case.longest:
        return lambda: [
            Pictures(data.images[rows], data.labels[rows], learn)
            for rows, learn in zip(parts, (True, False), strict=True)
        ]
    tokens, labels = data.texts.tokens, data.texts.labels
    written = [
        [data.vocabulary.text(tokens.ids[slice(*tokens.offsets[row : row + 2])]) for row in rows]
        for rows in parts
    ]

    def cut() -> list[Any]:
        cutter = BertTokenizer(vocab=dict(data.vocabulary.numbers))
        return [
            Padded(texts, labels[rows], cutter, case.longest)
            for texts, rows in zip(written, parts, strict=True)
        ]

    return cut


class Loop:
    """A network and its optimiser; ``share`` of the case's learning rate is that of a step."""

    def __init__(
        self, case: Case, network: Any, device: str, share: Callable[[int], float]
    ) -> None:
        self.network = network.to(device)
        self.device = device
        self.cuda = device == "cuda"
        self.clip = bool(case.longest)
        matrices = [weights for weights in network.parameters() if weights.dim() > 1]
        vectors = [weights for weights in network.parameters() if weights.dim() <= 1]
        rate = case.config["learning_rate"]
        decay = 0.01 if case.longest else case.config["weight_decay"]
        groups: list[dict[str, Any]] = [
            {"params": matrices, "weight_decay": decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        if case.longest:
            self.optimizer: Any = torch.optim.AdamW(groups, rate)
        else:
            self.optimizer = torch.optim.SGD(groups, rate, 0.9, nesterov=True)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, share)

    def step(self, *batch: Tensor) -> None:
        """Train on inputs and, last, labels."""
        *inputs, labels = (part.to(self.device, non_blocking=True) for part in batch)
        self.network.train()
        self.optimizer.zero_grad()
        cross_entropy(self.logits(*inputs), labels).backward()  # type: ignore[no-untyped-call]
        if self.clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()

    def logits(self, *inputs: Tensor) -> Tensor:
        """(n, classes) in float32."""
        with torch.autocast(self.device, torch.bfloat16, enabled=self.cuda):
            if self.clip:
                ids, mask = inputs
                answer: Tensor = self.network(input_ids=ids, attention_mask=mask).logits
            else:
                answer = self.network(*inputs)
        return answer.float()

    @torch.inference_mode()
    def accuracy(self, batches: Any) -> float:
        """On the validation samples; waits for the device."""
        self.network.eval()
        right, count = torch.zeros((), device=self.device), 0
        for *inputs, labels in batches:
            moved = (part.to(self.device, non_blocking=True) for part in inputs)
            right += (self.logits(*moved).argmax(1) == labels.to(self.device)).sum()
            count += len(labels)
        return float(right) / count


def network_of(case: Case) -> Any:
    """The product's architecture in its usual memory layout, with fused attention."""
    if not case.longest:
        return networks.build(case.model, {}, case.classes, (case.side, case.side, 3))
    network = encoders.build(case.model, {}, case.classes)
    network.set_attn_implementation("sdpa")
    return network


def train(case: Case, sets: Sets, device: str, epochs: int, rows: int, workers: int) -> Timed:
    """A whole training of which each epoch ends after ``rows`` samples."""
    times = [time.monotonic()]
    learned, measured = sets()
    options: dict[str, Any] = {
        "num_workers": workers,
        "pin_memory": device == "cuda",
        "persistent_workers": workers > 0,
    }
    share = rows / len(learned)
    some = [Subset(part, range(math.ceil(share * len(part)))) for part in (learned, measured)]
    loader = DataLoader(some[0], BATCH, shuffle=True, drop_last=not case.longest, **options)
    validation = DataLoader(some[1], MEASURED_BATCH, **options)
    steps = epochs * math.ceil(rows / BATCH)
    falling = (lambda step: 1 - step / steps) if case.longest else partial(image.rate, 1.0, steps)
    loop = Loop(case, network_of(case), device, falling)
    for _ in range(epochs):
        for batch in loader:
            loop.step(*batch)
        loop.accuracy(validation)
        times.append(time.monotonic())
    return Timed.of(times, rows)


def main() -> None:
    """Train one trial from scratch and print what setting up and an epoch took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", choices=[case.name for case in CASES])
    parser.add_argument("--since", type=float, required=True, help="monotonic time of the start")
    parser.add_argument("--dry-run", action="store_true")
    arguments = parser.parse_args()
    began = time.monotonic() - arguments.since
    case = next(case for case in CASES if case.name == arguments.case)
    case = shrunk(case) if arguments.dry_run else case
    sets = sets_of(case, case.data(*case.whole))
    device = "cuda" if torch.cuda.is_available() and not arguments.dry_run else "cpu"
    workers = 0 if arguments.dry_run else WORKERS
    timed = train(case, sets, device, 2, case.rows, workers)
    print(json.dumps([began + timed.setup_seconds, timed.epoch / timed.rows]))


if __name__ == "__main__":
    main()
