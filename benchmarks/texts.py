"""What a trial on texts costs: FLOPs of an epoch, and CPU-seconds to the first batch.

    python -m benchmarks.texts --data-dir DIR        (writes results/texts.json)

FLOPs   one epoch of BERT-base (forward and backward, the products of matrices only) at a maximum
        length of 512. Ours packs, which leaves no padding to save; the others pad every text to
        512, or to the longest of its batch, drawn at random. The larger a batch, the longer its
        longest text, so this is for the batch sizes of the tasks, 16 to 32, and judged over all.
        The formula is held against PyTorch's own count.
CPU     from a configuration to the first batch on the CPU, from a study's second trial on. Ours
        slices the study's tokens; the other cuts the training texts itself, as a script with
        ``tokenizer(texts, truncation=True)`` does (once here: it takes long).
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertTokenizer

from trainables import encoders
from trainables.base import DataRequest
from trainables.data import hub
from trainables.data.sequences import clipped, pack
from trainables.data.texts import SOURCES, TextData, load

RESULTS = Path(__file__).parent / "results" / "texts.json"
LONGEST, BATCH, LAYERS, WIDTH = 512, 16, 12, 768
SIZES = (16, 20, 24, 28, 32)
GOALS = {"imdb": (1.85, 1.85), "ag-news": (10.0, 2.0)}
FASTER = 150


def forward_flops(lengths: Any, layers: int = LAYERS, width: int = WIDTH) -> float:
    """Of the encoder: 24 width² a token, and 4 width a pair of tokens of one text, per layer."""
    tokens = np.asarray(lengths, np.float64)
    return float(layers * (24 * width**2 * tokens.sum() + 4 * width * (tokens**2).sum()))


def check_formula() -> float:
    """How far PyTorch's count of a packed batch is from the formula, as a share."""
    data: TextData = load(DataRequest("imdb", 0, synthetic=True)).payload
    packed = pack(data.texts.tokens, np.arange(8), 200, data.vocabulary)
    network = encoders.build("bert-tiny", {}, vocabulary=len(data.vocabulary.pieces))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        encoders.logits(network, encoders.Inputs.of(packed, "cpu"))
    flops: int = counter.get_total_flops()
    return abs(flops / forward_flops(np.diff(packed.edges), 2, 128) - 1)


def flops(dataset: str, data: TextData) -> dict[str, Any]:
    by_size = {size: _epoch(data, size) for size in SIZES}
    times = {
        size: {name: cost[name] / cost["packed"] for name in ("fixed", "dynamic")}
        for size, cost in by_size.items()
    }
    goals = dict(zip(("fixed", "dynamic"), GOALS[dataset], strict=True))
    mean = {name: float(np.mean([times[size][name] for size in SIZES])) for name in goals}
    for name, ratio in mean.items():
        ends = f"{times[SIZES[0]][name]:.2f} to {times[SIZES[-1]][name]:.2f}"
        verdict = "met" if ratio >= goals[name] else "missed"
        print(f"{dataset:8} FLOPs, {name:8}{ratio:8.2f}x ({ends})  goal {goals[name]}x {verdict}")
    return {
        "dataset": dataset,
        "flops_per_epoch": by_size,
        "times_by_batch_size": times,
        "times": mean,
        "goals": goals,
    }


def _epoch(data: TextData, size: int) -> dict[str, float]:
    """FLOPs of an epoch in batches of ``size``, either way."""
    length = clipped(data.texts.tokens.lengths[data.train], LONGEST)
    order = np.random.default_rng(0).permutation(length)
    batches = np.split(order, range(size, len(order), size))
    ways = {
        "fixed": [np.full(len(batch), LONGEST) for batch in batches],
        "dynamic": [np.full(len(batch), batch.max()) for batch in batches],
        "packed": batches,
    }
    return {name: 3 * sum(map(forward_flops, way)) for name, way in ways.items()}


def first_batch(dataset: str, data: TextData, request: DataRequest) -> dict[str, Any]:
    def ours() -> Any:
        rows = np.random.default_rng([0, 0]).permutation(data.train)[:BATCH]
        return encoders.Inputs.of(
            pack(data.texts.tokens, rows, LONGEST, data.vocabulary), "cpu"
        ).ids

    train = hub.read(SOURCES[dataset].repository, request)["train"]["text"][:]
    tokenizer = BertTokenizer(vocab=dict(data.vocabulary.numbers))

    def other() -> Any:
        ids = tokenizer(train, truncation=True, max_length=LONGEST)["input_ids"]
        return tokenizer.pad({"input_ids": ids[:BATCH]}, return_tensors="pt")

    warm_up = _seconds(ours)
    mine = [_seconds(ours) for _ in range(20)]
    theirs = _seconds(other) / len(train) * len(data.train)
    times = theirs / float(np.median(mine))
    verdict = "met" if times >= FASTER else "missed"
    print(f"{dataset:8} CPU-s to the first batch{times:8.0f}x  goal {FASTER}x {verdict}")
    return {
        "dataset": dataset,
        "warm_up_cpu_seconds": warm_up,
        "ours_cpu_seconds": mine,
        "tokenising_cpu_seconds": theirs,
        "times": times,
        "goal": FASTER,
    }


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> None:
    shared = os.environ.get("WARMTUNE_SHARED")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(shared) / "data" if shared else None
    parser.add_argument("--data-dir", type=Path, default=default, help="the Hub's repositories")
    parser.add_argument("--cache", type=Path, help="where tokens are kept")
    arguments = parser.parse_args()
    if arguments.data_dir is None or not arguments.data_dir.is_dir():
        sys.exit("skipped: no data. Name their folder with --data-dir or $WARMTUNE_SHARED.")
    off = check_formula()
    if off > 0.01:
        sys.exit(f"PyTorch counts {off:.1%} other FLOPs than the formula")
    measures = []
    for dataset in SOURCES:
        request = DataRequest(dataset, 0, directory=arguments.data_dir, cache=arguments.cache)
        data = load(request).payload
        measures += [flops(dataset, data), first_batch(dataset, data, request)]
    record = {
        "date": date.today().isoformat(),
        "cpus": os.cpu_count(),
        "python": sys.version.split()[0],
        "versions": {name: version(name) for name in ("torch", "transformers", "tokenizers")},
        "formula_off_by": off,
        "measures": measures,
    }
    RESULTS.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
