"""Configurations for tests, and the faults of wrong ones."""

from pathlib import Path

import pytest

from tuner.config_reader import Override, load
from tuner.errors import UsageError

WHOLE = """version: 1
task: {dataset: toy, model: curve, trainable: toy, split: official, synthetic: true}
metric: {name: score, mode: max, low: 0, high: 1}
space:
  rate: {float: [1e-3, 0.1], log: true, default: 0.01}
  depth: {int: [1, 9]}
  kind: {categorical: [a, "no", true, 2, 2.5], default: "no"}
model:
  {init: scratch, checkpoint: own.safetensors, flip: true, crop: 4, rotation: 15, early_stopping: 2}
budget:
  {trials: 7, time: 90s, gpu_hours: 2, max_steps: 27, grace_steps: 3, reduction_factor: 2,
  step_timeout: 60s}
resources: {cpu: 2, gpu: 0.25, gpu_memory: 40, concurrency: 3}
warm_start: {points: 4, starter: false}
final: {seeds: 5}
tracking: {uri: "http://mlflow:5000", experiment: mine}
sampler: gp
seed: 9
"""
LEAST = """version: 1
task: {dataset: toy, model: curve, trainable: toy}
metric: {name: score, mode: min}
space: {x: {float: [0, 1]}}
"""


def write(folder: Path, text: str) -> str:
    path = folder / "x.yaml"
    path.write_text(text)
    return str(path)


def faults(folder: Path, text: str, *overrides: str, allow_code: bool = False) -> list[str]:
    """The faults of a configuration, with the name of its file cut short."""
    source = write(folder, text)
    with pytest.raises(UsageError) as caught:
        load(source, [Override.parse(override) for override in overrides], allow_code)
    return [fault.replace(source, "x.yaml") for fault in caught.value.faults]


def fault_of(folder: Path, override: str) -> str:
    """The only fault of a right configuration with one key set wrongly."""
    (fault,) = faults(folder, WHOLE, override)
    return fault
