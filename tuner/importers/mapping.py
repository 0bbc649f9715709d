"""What of somebody's study is what of ours: by what the user says, else by name."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from meta.space import Config, Int, SearchSpace, Value
from meta.study import Metric
from tuner.errors import UsageError
from tuner.importers.foreign import ForeignStudy, listing
from tuner.importers.names import match, match_metric
from tuner.importers.scales import Scale, read_scale
from tuner.suggest import did_you_mean

MODES = ("min", "max")
OPPOSITE = {"min": "max", "max": "min"}


@dataclass(frozen=True, slots=True)
class Link:
    """One of their names and the scale, if any, on which they wrote it."""

    theirs: str
    scale: Scale | None = None

    def to_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"theirs": self.theirs, "as": self.scale.formula if self.scale else "x"}


@dataclass(frozen=True)
class Wishes:
    """What the user says about names: links of parameters and of the metric, and its direction."""

    params: Mapping[str, Link] = field(default_factory=dict)
    metric: Link | None = None
    mode: str | None = None


@dataclass(frozen=True)
class Correspondence:
    """Which of their names are ours, what is filled in for the rest, and what of theirs is left."""

    params: Mapping[str, Link]
    metric: Link
    mode: str
    mode_is_known: bool
    defaults: Config
    unused: tuple[str, ...]

    def config(self, params: Mapping[str, object], space: SearchSpace) -> Config:
        """Their configuration under our names; raises ``ValueError`` naming what has no value."""
        config: Config = {}
        for name, link in self.params.items():
            given = params.get(link.theirs)
            if given is None or given == "" or given != given:
                continue
            try:
                config[name] = _value(given, link.scale)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
            if link.scale and isinstance(space.parameters[name], Int):
                config[name] = _whole(config[name])
        return config

    def value(self, theirs: float) -> float:
        """Their value of the metric in our units; raises ``ValueError``."""
        scale = self.metric.scale
        return float(scale.convert(theirs)) if scale else theirs


def read_wishes(
    maps: Sequence[str], metric: str | None, mode: str | None, space: SearchSpace
) -> Wishes:
    """What ``--map``, ``--metric`` and ``--mode`` say; raises ``UsageError`` with every fault."""
    faults: list[str] = []
    params: dict[str, Link] = {}
    for text in maps:
        try:
            name, link = _read_map(text, space)
            if name in params:
                raise UsageError(f"--map: {name} is given twice. Leave one of them out.")
            params[name] = link
        except UsageError as error:
            faults += error.faults
    try:
        wished = _read_link(metric, "--metric") if metric else None
    except UsageError as error:
        faults += error.faults
    if mode not in (None, *MODES):
        faults.append(f"--mode: max or min expected, got {mode!r}. Write e.g. max.")
    if faults:
        raise UsageError(*faults)
    return Wishes(params, wished, mode)


def correspond(
    study: ForeignStudy, wishes: Wishes, space: SearchSpace, metric: Metric
) -> Correspondence:
    """Find our names in a study; raises ``UsageError`` if that leaves no parameter or metric."""
    names = study.params
    wished = {name: link for name, link in wishes.params.items() if link.theirs in names}
    taken = {link.theirs for link in wished.values()}
    found = match(
        [name for name in space.parameters if name not in wishes.params],
        [name for name in names if name not in taken],
    )
    params = {**{name: Link(theirs) for name, theirs in found.items()}, **wished}
    used = {link.theirs for link in params.values()}
    if not params:
        ours, example = listing(space.parameters), next(iter(space.parameters))
        raise UsageError(
            f"{study.name}: no parameter of the task ({ours}) among {listing(names)}."
            f" Say which is which, e.g. --map {example}=NAME."
        )
    link = _metric(study, wishes.metric, metric.name, used)
    known, mode = _mode(study, link, wishes.mode, metric.mode)
    return Correspondence(
        params={name: params[name] for name in space.parameters if name in params},
        metric=link,
        mode=mode,
        mode_is_known=known,
        defaults={n: value for n, value in space.default().items() if n not in params},
        unused=tuple(name for name in names if name not in {*used, link.theirs}),
    )


def check_wishes(wishes: Wishes, studies: Iterable[ForeignStudy]) -> None:
    """Raise ``UsageError`` for each parameter in ``--map`` that no study has."""
    names = {name for study in studies for name in study.params}
    faults = [
        f"--map {ours}: no parameter {link.theirs!r} there. {did_you_mean(link.theirs, names)}"
        for ours, link in wishes.params.items()
        if link.theirs not in names
    ]
    if faults:
        raise UsageError(*faults)


def _metric(study: ForeignStudy, wished: Link | None, ours: str, taken: set[str]) -> Link:
    names = [name for name in study.metrics if name not in taken]
    if wished:
        theirs = match_metric(wished.theirs, names)
        if theirs is None:
            raise UsageError(
                f"--metric: no {wished.theirs!r} in {study.name}."
                f" {did_you_mean(wished.theirs, names)}"
            )
        return Link(theirs, wished.scale)
    theirs = match_metric(ours, names) or study.objective
    if theirs is None and len(names) == 1:
        (theirs,) = names
    if theirs is None:
        raise UsageError(
            f"{study.name}: no {ours} among its metrics ({listing(names)})."
            " Say which it is with --metric NAME."
        )
    return Link(theirs)


def _mode(study: ForeignStudy, link: Link, wished: str | None, ours: str) -> tuple[bool, str]:
    """The direction of the metric in our units, and whether anybody said it."""
    known = study.modes.get(link.theirs)
    if known and wished and known != wished:
        raise UsageError(
            f"--mode: {study.name} has {link.theirs} with mode {known}, got {wished}. Leave it"
            " out, or say how the metric is written, e.g. --metric NAME:negative."
        )
    theirs = known or wished
    if theirs is None:
        return False, ours
    return True, OPPOSITE[theirs] if link.scale and link.scale.turns else theirs


def _read_map(text: str, space: SearchSpace) -> tuple[str, Link]:
    ours, equals, theirs = text.partition("=")
    if not equals or not theirs:
        what = f"OURS=THEIRS expected, got {text[:60]!r}"
        raise UsageError(f"--map: {what}. Write e.g. learning_rate=lr or learning_rate=lr:log10.")
    if ours not in space.parameters:
        known = did_you_mean(ours, space.parameters)
        raise UsageError(f"--map: the task has no parameter {ours[:60]!r}. {known}")
    return ours, _read_link(theirs, f"--map {ours}")


def _read_link(text: str, place: str) -> Link:
    theirs, colon, word = text.rpartition(":")
    return Link(theirs, read_scale(word, place)) if colon else Link(text)


def _value(given: object, scale: Scale | None) -> Value:
    if scale:
        return scale.convert(given)
    if isinstance(given, float | int | str):
        return given
    raise ValueError(f"number, text or true/false expected, got {str(given)[:60]!r}")


def _whole(value: Value) -> Value:
    """A whole number that arithmetic left beside itself."""
    near = round(float(value))
    return near if abs(float(value) - near) <= 1e-9 * abs(near) else value
