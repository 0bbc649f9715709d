"""Which parameters are active only with certain choices of another, learned from what was tried."""

from collections.abc import Iterable, Mapping

from meta.space import Categorical, Config, SearchSpace, Value

Conditions = dict[str, tuple[str, frozenset[Value]]]
"""A parameter, and the choices of its parent under which it is active."""


def infer_conditions(configs: Iterable[Mapping[str, Value]], space: SearchSpace) -> Conditions:
    """The conditions of all parameters that some configurations lack.

    A parent explains a parameter if some of its choices had it always and all others never.
    """
    seen = list(configs)
    parents = [name for name, item in space.parameters.items() if isinstance(item, Categorical)]
    conditions: Conditions = {}
    for child in space.parameters:
        if all(child in config for config in seen):
            continue
        for parent in parents:
            choices = _active_under(child, parent, seen)
            if choices:
                conditions[child] = (parent, choices)
                break
    return conditions


def kinds(configs: Iterable[Mapping[str, Value]], space: SearchSpace) -> list[Config]:
    """One configuration of each kind that conditions tell apart: numbers are all 0."""
    choices = {name for name, item in space.parameters.items() if isinstance(item, Categorical)}
    seen = (
        tuple((name, value if name in choices else 0) for name, value in config.items())
        for config in configs
    )
    return [dict(kind) for kind in dict.fromkeys(seen)]


def _active_under(
    child: str, parent: str, configs: Iterable[Mapping[str, Value]]
) -> frozenset[Value]:
    """The choices of ``parent`` that always have ``child``; empty unless all others never do."""
    with_child: set[Value] = set()
    without: set[Value] = set()
    for config in configs:
        if parent in config:
            (with_child if child in config else without).add(config[parent])
    return frozenset(with_child) if without and not with_child & without else frozenset()
