"""The meta-learner as Optuna samplers, for studies of one objective, with or without Ray."""

from meta.sampler.gp import MetaGPSampler
from meta.sampler.records import read_study
from meta.sampler.tpe import MetaTPESampler

__all__ = ["MetaGPSampler", "MetaTPESampler", "read_study"]
