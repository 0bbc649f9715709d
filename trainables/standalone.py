"""Trains one configuration in this process, for trying a trainable out: no study, no Ray."""

import argparse
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainables.base import Config, Context, Data, DataError, DataRequest, DataUnavailable


@dataclass
class PrintingContext:
    """Prints each report as a line and keeps neither checkpoints nor models."""

    model: str
    data: Any
    seed: int
    device: str
    threads: int
    final: bool
    held_out: Any
    options: Mapping[str, Any] = field(default_factory=dict)
    max_steps: int = 10
    began: float = field(default_factory=time.perf_counter)

    def report(
        self,
        step: int,
        value: float,
        metrics: Mapping[str, float] | None = None,
        config: Config | None = None,
    ) -> None:
        """Print the value, the seconds so far, all metrics and what is recommended."""
        numbers = " ".join(f"{name}={number:.5g}" for name, number in (metrics or {}).items())
        seconds = time.perf_counter() - self.began
        print(f"step {step:2}  {value:.5f}  {seconds:6.2f} s  {numbers}  {dict(config or {})}")

    def save(self, write: Callable[[Path], None]) -> None:
        """Keep nothing."""

    def restore(self) -> Path | None:
        """Nothing was kept."""
        return None

    def keep(self, write: Callable[[Path], None]) -> None:
        """Keep nothing."""


def main(
    train: Callable[[Config, Context], None],
    load: Callable[[DataRequest], Data],
    models: Sequence[str],
) -> None:
    """Train one configuration and print its steps; exits 2 or 3 if the data cannot be used."""
    parser = _parser(models)
    args = parser.parse_args()
    request = DataRequest(
        dataset=args.dataset,
        seed=args.seed,
        split=args.split,
        metric=args.metric,
        directory=args.data_dir,
        cache=args.cache,
        synthetic=args.synthetic,
        model=args.model,
        options=dict(args.option),
    )
    try:
        data = load(request)
    except DataError as error:
        parser.exit(3 if isinstance(error, DataUnavailable) else 2, f"error: {error}\n")
    context = PrintingContext(
        model=args.model,
        data=data.payload,
        seed=args.seed,
        device=args.device,
        threads=args.threads,
        final=args.final,
        held_out=data.held_out if args.final else None,
        options=dict(args.option),
        max_steps=args.steps,
    )
    train(dict(args.set), context)


def _parser(models: Sequence[str]) -> argparse.ArgumentParser:
    home = Path(os.environ.get("TUNER_HOME", "~/.warmtune")).expanduser()
    parser = argparse.ArgumentParser(description="Train one configuration and print its steps.")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--model", choices=models, default=models[0])
    parser.add_argument("--set", metavar="KEY=VALUE", type=_setting, action="append", default=[])
    parser.add_argument(
        "--option",
        metavar="KEY=VALUE",
        type=_setting,
        action="append",
        default=[],
        help="a key of the section model of a task, e.g. init=scratch",
    )
    parser.add_argument("--steps", type=int, default=10, help="of the whole training")
    parser.add_argument("--metric", default="", help="what to report; default: the usual one")
    parser.add_argument("--split", choices=["random", "official"], default="random")
    parser.add_argument("--final", action="store_true", help="fit on all but the test data, test")
    parser.add_argument("--synthetic", action="store_true", help="generated data of the same shape")
    parser.add_argument("--data-dir", type=Path, help="a local copy to read instead of fetching")
    parser.add_argument("--cache", type=Path, default=home / "data", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of the split and of the training")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    return parser


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"KEY=VALUE expected, got {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
