"""The meta-learner as Optuna samplers, for studies of one objective, with or without Ray."""

from meta.sampler.gp import MetaGPSampler
from meta.sampler.records import read_study

__all__ = ["MetaGPSampler", "read_study"]
