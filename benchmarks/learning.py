"""That the networks learn, from scratch, on the real data, in one thread each.

    python -m benchmarks.learning --data-dir DIR       (half an hour on two cores)

DIR holds the Hub's repositories. The trainables run as they are, on their random split and with the
real vocabulary; kept is what they reach on the validation part after each epoch, with the CPU time
until then. The picture is made from that.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from importlib import import_module
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from trainables.base import Config, DataRequest
from trainables.standalone import PrintingContext

RESULTS = Path(__file__).parent / "results" / "learning.json"
SCRATCH = {"init": "scratch"}
TEXT = {"learning_rate": 1e-3, "batch_size": 32, "warmup_steps": 200}
IMAGE = {"learning_rate": 0.1, "batch_size": 64}


@dataclass(frozen=True)
class Case:
    trainable: str
    dataset: str
    model: str
    epochs: int
    config: Config


CASES = (
    Case("text", "imdb", "bert-tiny", 4, {**TEXT, "max_seq_length": 128}),
    Case("image", "cifar10", "resnet8", 6, IMAGE),
    Case("text", "ag-news", "bert-tiny", 3, {**TEXT, "max_seq_length": 64}),
)


@dataclass
class Recording(PrintingContext):
    """Keeps what it prints, and the CPU time until then: a core may be shared."""

    epochs: list[dict[str, float]] = field(default_factory=list)
    cpu_began: float = field(default_factory=time.process_time)

    def report(
        self,
        step: int,
        value: float,
        metrics: Mapping[str, float] | None = None,
        config: Config | None = None,
    ) -> None:
        super().report(step, value, metrics, config)
        seconds = round(time.process_time() - self.cpu_began, 1)
        self.epochs.append({"cpu_seconds": seconds, **(metrics or {})})


def learn(case: Case, directory: Path, cache: Path) -> dict[str, Any]:
    """Train once; an entry for each epoch, and of how many rows it learned."""
    os.environ["OMP_NUM_THREADS"] = "1"
    trainable = import_module(f"trainables.{case.trainable}")
    request = DataRequest(
        case.dataset, 0, directory=directory, cache=cache, model=case.model, options=SCRATCH
    )
    data = trainable.load(request)
    context = Recording(
        model=case.model,
        data=data.payload,
        seed=0,
        device="cpu",
        threads=1,
        final=False,
        held_out=None,
        options=SCRATCH,
        max_steps=case.epochs,
    )
    trainable.train(case.config, context)
    return {
        "dataset": case.dataset,
        "model": case.model,
        "config": {**SCRATCH, **case.config},
        "rows": dict(data.rows),
        "epochs": context.epochs,
    }


def draw(curves: list[dict[str, Any]], path: Path) -> None:
    """Accuracy over the minutes."""
    with rc_context({"svg.hashsalt": "warmtune", "font.size": 9}):
        figure = Figure(figsize=(7.0, 3.0), layout="constrained", facecolor="white")
        plot = figure.subplots()
        for curve in curves:
            minutes = [epoch["cpu_seconds"] / 60 for epoch in curve["epochs"]]
            values = [epoch["accuracy"] for epoch in curve["epochs"]]
            plot.plot(minutes, values, marker="o", label=f"{curve['dataset']}, {curve['model']}")
        plot.set(xlabel="CPU minutes", ylabel="validation accuracy", ylim=(0, 1))
        plot.set_xlim(left=0)
        plot.legend(frameon=False, loc="lower right")
        figure.savefig(path, metadata={"Date": None})


def main() -> None:
    shared = os.environ.get("WARMTUNE_SHARED")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(shared) / "data" if shared else None
    parser.add_argument("--data-dir", type=Path, default=default, help="the Hub's repositories")
    parser.add_argument("--cache", type=Path, default=Path("build/learning"))
    asked = parser.parse_args()
    if asked.data_dir is None or not asked.data_dir.is_dir():
        sys.exit("skipped: no data. Name their folder with --data-dir or $WARMTUNE_SHARED.")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(learn, case, asked.data_dir, asked.cache) for case in CASES]
        curves = [future.result() for future in futures]
    record = {
        "date": date.today().isoformat(),
        "python": sys.version.split()[0],
        "versions": {name: version(name) for name in ("torch", "transformers")},
        "curves": curves,
    }
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")
    draw(curves, RESULTS.with_suffix(".svg"))


if __name__ == "__main__":
    main()
