"""How many images a CPU core makes ready for training in a second: CIFAR-10, real pixels.

    python -m benchmarks.images --data-dir DIR        (writes results/images.json)

Ours gathers a batch of 128 from the resident uint8 images, and mirrors, shifts, turns and scales it
at once; the other does it image by image, as torchvision's examples do (PIL, ``transforms.v2``,
``DataLoader`` in this process). One thread, in the order A B A B A after a warm-up of each; each
number is the median. Where nothing is drawn by chance, both must give the same floats.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from trainables.augment import augment
from trainables.base import DataRequest
from trainables.data.image_data import ImageData, load
from trainables.image import Scale

RESULTS = Path(__file__).parent / "results" / "images.json"
BATCH, IMAGES = 128, 12_800
GOAL = 10
WAYS = {
    "nothing": {"flip": False, "crop": 0, "rotation": 0.0},
    "flip and crop": {"flip": True, "crop": 4, "rotation": 0.0},
    "flip, crop and rotation": {"flip": True, "crop": 4, "rotation": 15.0},
}

Epoch = Callable[[], Iterator[Tensor]]


class Pictures(Dataset[Tensor]):
    """The images one by one, as a script with PIL and torchvision has them."""

    def __init__(self, pixels: Any, transform: Callable[[Image.Image], Tensor]) -> None:
        self.pictures = [Image.fromarray(image) for image in pixels]
        self.transform = transform

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, row: int) -> Tensor:
        return self.transform(self.pictures[row])


def ours(data: ImageData, scale: Scale, how: dict[str, Any]) -> Epoch:
    images = torch.from_numpy(data.images[data.train][:IMAGES].transpose(0, 3, 1, 2))

    def epoch() -> Iterator[Tensor]:
        order = torch.randperm(len(images)) if how["flip"] else torch.arange(len(images))
        for rows in torch.split(order, BATCH):
            yield scale(augment(images[rows], how))

    return epoch


def theirs(data: ImageData, scale: Scale, how: dict[str, Any]) -> Epoch:
    mean, deviation = ((part / 255).flatten().tolist() for part in (scale.mean, scale.deviation))
    chance = [
        *([v2.RandomCrop(32, padding=how["crop"])] if how["crop"] else []),
        *([v2.RandomHorizontalFlip()] if how["flip"] else []),
        *([v2.RandomRotation(how["rotation"])] if how["rotation"] else []),
    ]
    numbers = [v2.PILToTensor(), v2.ToDtype(torch.float32, True), v2.Normalize(mean, deviation)]
    pictures = Pictures(data.images[data.train][:IMAGES], v2.Compose([*chance, *numbers]))
    loader = DataLoader(pictures, BATCH, shuffle=bool(how["flip"]))
    return lambda: iter(loader)


def images_per_second(epoch: Epoch) -> float:
    """Of CPU time."""
    began, count = time.process_time(), 0
    for batch in epoch():
        count += len(batch)
    return count / (time.process_time() - began)


def measure(data: ImageData, name: str, how: dict[str, Any]) -> dict[str, Any]:
    """Both on the same images."""
    pixels = torch.from_numpy(data.images[data.train].reshape(-1, 3)).double()
    scale = Scale(*(part.float()[:, None, None] for part in (pixels.mean(0), pixels.std(0))))
    mine, other = ours(data, scale, how), theirs(data, scale, how)
    if not how["flip"]:
        torch.testing.assert_close(next(mine()), next(other()), atol=1e-4, rtol=1e-4)
    warm_up = [images_per_second(mine), images_per_second(other)]
    rates: dict[str, list[float]] = {"ours": [], "theirs": []}
    for way in ("ours", "theirs", "ours", "theirs", "ours"):
        rates[way].append(images_per_second(mine if way == "ours" else other))
    times = float(np.median(rates["ours"]) / np.median(rates["theirs"]))
    verdict = "met" if times >= GOAL else "missed"
    print(
        f"{name:24} {np.median(rates['ours']):8.0f} images/s, {times:5.1f}x  goal {GOAL}x {verdict}"
    )
    return {"augmentation": name, "times": times, "goal": GOAL, "warm_up": warm_up, **rates}


def main() -> None:
    """Measure every augmentation, print the table and keep it."""
    shared = os.environ.get("WARMTUNE_SHARED")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(shared) / "data" if shared else None
    parser.add_argument("--data-dir", type=Path, default=default, help="the Hub's repositories")
    arguments = parser.parse_args()
    if arguments.data_dir is None or not arguments.data_dir.is_dir():
        sys.exit("skipped: no data. Name their folder with --data-dir or $WARMTUNE_SHARED.")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    request = DataRequest(
        "cifar10", 0, directory=arguments.data_dir, model="resnet50", options={"init": "scratch"}
    )
    data: ImageData = load(request).payload
    record = {
        "date": date.today().isoformat(),
        "cpus": os.cpu_count(),
        "python": sys.version.split()[0],
        "versions": {name: version(name) for name in ("torch", "torchvision", "pillow")},
        "measures": [measure(data, name, how) for name, how in WAYS.items()],
    }
    RESULTS.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
