"""YAML and ``--set`` become a ``StudyConfig``: all faults are gathered, each with its place."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trainables
from meta.space import SearchSpace
from meta.study import Metric, Task
from trainables.base import Offer
from tuner import code, strict_yaml, tasks
from tuner.config import Budget, Final, Model, Resources, StudyConfig, Tracking, WarmStart
from tuner.errors import UsageError, gathering
from tuner.fields import FIELDS, SECTIONS, show, unknown_keys
from tuner.space_reader import read_space
from tuner.strict_yaml import Node
from tuner.suggest import did_you_mean

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Override:
    """A key set on the command line; ``place`` begins an error about it."""

    key: str
    text: str
    place: str = "--set "

    @classmethod
    def parse(cls, argument: str) -> "Override":
        """Read the ``KEY=VALUE`` of a ``--set``; raises ``UsageError``."""
        key, equals, text = argument.partition("=")
        if not equals or not key.strip():
            raise UsageError(
                f"--set: KEY=VALUE expected, got {show(argument)}. Write e.g. budget.trials=20."
            )
        return cls(key.strip(), text)

    def apply(self, tree: Node) -> Node:
        """The tree with this key in it; raises ``UsageError`` if the value cannot be read."""
        value = strict_yaml.read_value(self.text, self.place, self.key)
        return _put(tree, self.key.split("."), value)


def _put(tree: Node | None, path: Sequence[str], value: Node) -> Node:
    if not path:
        return value
    entries = dict(tree.value) if tree and isinstance(tree.value, dict) else {}
    entries[path[0]] = _put(entries.get(path[0]), path[1:], value)
    return Node(entries, tree.place if tree else value.place)


def load(source: str, overrides: Sequence[Override] = (), allow_code: bool = False) -> StudyConfig:
    """Read the built-in task or the YAML file ``source``, with keys set on the command line.

    Raises ``UsageError`` with every fault that the file and the overrides have.
    """
    path = tasks.find(source)
    tree = strict_yaml.read_file(path)
    if not isinstance(tree.value, dict):
        other = "nothing" if tree.value is None else show(tree.value)
        got = "a list" if isinstance(tree.value, list) else other
        expected = "a mapping with task, metric and space expected"
        raise UsageError(f"{path}: {expected}, got {got}. Start from a copy of a built-in task.")
    faults: list[str] = []
    for override in overrides:
        with gathering(faults):
            tree = override.apply(tree)
    faults += _structure_faults(tree)
    values = _values(tree, faults)
    space = SearchSpace({})
    if (section := _mapping(tree, "space")) is not None:
        with gathering(faults):
            space = read_space(section)
    folder = path.parent.absolute()
    faults += _range_faults(tree, values)
    faults += _trainable_faults(tree, values, folder, allow_code)
    if faults:
        raise UsageError(*faults)
    return _build(values, space, folder)


def _mapping(tree: Node, name: str) -> Node | None:
    node = tree.find(name) if name else tree
    return node if node and isinstance(node.value, dict) else None


def _structure_faults(tree: Node) -> list[str]:
    """Unknown keys, sections that are no mapping, and what is required but missing."""
    top = {field.key for field in FIELDS if not field.section}
    faults = unknown_keys(tree, top | {*SECTIONS})
    for name, section in SECTIONS.items():
        node = tree.find(name)
        if node is None and section.required:
            faults.append(tree.fault(name, f"missing. Add: {name}: {section.example}."))
        elif node and not isinstance(node.value, dict):
            what = f"mapping expected, got {show(node.plain())}"
            faults.append(node.fault(name, f"{what}. Write {name}: {section.example}."))
        elif node and name != "space":
            faults += unknown_keys(node, {f.name for f in FIELDS if f.section == name}, name)
    for field in FIELDS:
        parent = _mapping(tree, field.section)
        if field.required and parent and tree.find(field.key) is None:
            faults.append(parent.fault(field.key, f"missing. Write e.g. {field.example}."))
    return faults


def _values(tree: Node, faults: list[str]) -> Values:
    """The values that are given and right, by dotted key."""
    values: Values = {}
    for field in FIELDS:
        if (node := tree.find(field.key)) is None:
            continue
        try:
            values[field.key] = field.read(node.plain())
        except ValueError as error:
            faults.append(node.fault(field.key, str(error)))
    return values


def _range_faults(tree: Node, values: Values) -> Iterator[str]:
    low, high = values.get("metric.low", -math.inf), values.get("metric.high", math.inf)
    if low >= high and (node := tree.find("metric.low")):
        yield node.fault("metric.low", f"low {low:g} is not below high {high:g}. Swap them.")
    grace = values.get("budget.grace_steps", Budget().grace_steps)
    steps = values.get("budget.max_steps", Budget().max_steps)
    if grace > steps and (node := tree.find("budget.grace_steps")):
        what = f"grace_steps {grace} exceeds max_steps {steps}. Lower it, or raise max_steps."
        yield node.fault("budget.grace_steps", what)


def _trainable_faults(tree: Node, values: Values, folder: Path, allow_code: bool) -> Iterator[str]:
    """Why the trainable cannot run: it is unknown or not allowed, or does not offer the task."""
    name = values.get("task.trainable")
    if name in trainables.MODULES:
        yield from _offer_faults(tree, values, trainables.get(name).offer)
    elif name and (what := code.problem(name, folder, allow_code)):
        yield (tree.find("task.trainable") or tree).fault("task.trainable", what)


def _offer_faults(tree: Node, values: Values, offer: Offer | None) -> Iterator[str]:
    if offer is None:
        return
    known = {
        "task.dataset": offer.datasets,
        "task.model": offer.models,
        "metric.name": offer.metrics,
    }
    for key, names in known.items():
        name, node = values.get(key), tree.find(key)
        if node and name is not None and name not in names:
            yield node.fault(key, f"{name!r} is unknown here. {did_you_mean(name, names)}")
    for key in values:
        section, _, name = key.partition(".")
        if section == "model" and name not in offer.options and (node := tree.find(key)):
            names = ", ".join(offer.options) or "none"
            yield node.fault(key, f"no effect on this trainable, which heeds {names}. Remove it.")
    if offer.parameters and (space := _mapping(tree, "space")):
        yield from unknown_keys(space, offer.parameters, "space")
    mode, node = offer.metrics.get(values.get("metric.name", "")), tree.find("metric.mode")
    if node and mode and values.get("metric.mode", mode) != mode:
        metric = values["metric.name"]
        yield node.fault("metric.mode", f"{values['metric.mode']!r} of {metric}. Write {mode}.")


def _build(values: Values, space: SearchSpace, folder: Path) -> StudyConfig:
    def given(section: str) -> Values:
        return {
            field.attribute or field.name: values[field.key]
            for field in FIELDS
            if field.section == section and field.key in values
        }

    top = {**given(""), **given("task")}
    del top["version"]
    task = Task(top.pop("dataset"), top.pop("model"))
    return StudyConfig(
        task=task,
        metric=Metric(**given("metric")),
        space=space,
        model=Model(**_beside(folder, given("model"))),
        budget=Budget(**given("budget")),
        resources=Resources(**given("resources")),
        warm_start=WarmStart(**given("warm_start")),
        final=Final(**given("final")),
        tracking=Tracking(**given("tracking")),
        code=str(folder) if ":" in top["trainable"] else None,
        **top,
    )


def _beside(folder: Path, model: Values) -> Values:
    """The section ``model`` with a checkpoint named from anywhere."""
    if "checkpoint" in model:
        model["checkpoint"] = str((folder / model["checkpoint"]).absolute())
    return model
