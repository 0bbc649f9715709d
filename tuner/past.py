"""The way from the stores of past studies to the first configurations and the prior of this one."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from meta.encoding import Encoding
from meta.features import relatedness
from meta.forecast import Forecast, forecast
from meta.history import Refusal, Sifted, sift
from meta.prior import Prior
from meta.recommend import Recommendation, recommend
from meta.study import Study
from tuner.config import RunOptions, StudyConfig
from tuner.errors import EnvironmentFault
from tuner.home import default_tracking_uri, redact
from tuner.importers.archive import read_archive
from tuner.priors import cached_prior
from tuner.starter import starter_studies
from tuner.terminal import brief

OTHER_MODEL = 0.5
"""A study of another model is so much less related, ..."""
STARTER = 0.8
"""... and one of the starter history, which shall not outweigh a past of one's own."""
LENT = 20
"""So many studies of the starter history are lent, the most related: room is left for one's own."""
SHOWN = 5


@dataclass(frozen=True)
class Source:
    """A past study that is learned from, and how related it is, in (0, 1]."""

    id: str
    name: str
    related: float
    trials: int


@dataclass(frozen=True)
class Past:
    """What a study starts from: its first points, its prior, what is behind them, what was refused.

    ``unavailable`` says which stores could not be read, and why.
    """

    points: tuple[Recommendation, ...] = ()
    sources: tuple[Source, ...] = ()
    refused: tuple[Refusal, ...] = ()
    unavailable: tuple[str, ...] = ()
    prior: Prior | None = field(default=None, repr=False)
    forecast: Forecast | None = None

    def to_json(self) -> dict[str, Any]:
        """What the journal keeps: the points whole, of the studies only what names them."""
        return {
            "points": [asdict(point) for point in self.points],
            "sources": [asdict(source) for source in self.sources],
            "refused": dict(self._refusals()),
            "unavailable": list(self.unavailable),
            "forecast": self.forecast and asdict(self.forecast),
        }

    def text(self) -> str:
        """For the terminal: a line for the whole, each source and refusal, two for each point."""
        lines = [f"history: {len(self.sources)} studies to learn from"]
        lines += [f"history unavailable: {problem}" for problem in self.unavailable]
        lines += [
            f"  {source.related:4.0%} related: {source.name}, {source.trials} trials"
            for source in self.sources[:SHOWN]
        ]
        if len(self.sources) > SHOWN:
            lines.append(f"        and {len(self.sources) - SHOWN} less related ones")
        lines += [f"  refused: {why} ({n} times)" for why, n in self._refusals()]
        for n, point in enumerate(self.points, 1):
            config = ", ".join(f"{name} {brief(value)}" for name, value in point.config.items())
            lines += [f"  start {n}: {point.reason}", f"           {config}"]
        return "\n".join(lines)

    def _refusals(self) -> list[tuple[str, int]]:
        """The most frequent reasons, which ``tuner history refused`` lists in full."""
        return Counter(refusal.reason for refusal in self.refused).most_common(SHOWN)


def read_past(
    config: StudyConfig, options: RunOptions, features: Mapping[str, float] | None = None
) -> Past:
    """Read, sift and learn from the past; a cold study has none, a store that is away is no error.

    ``features`` are those of the data; without them, those of a past study of the same data.
    """
    if options.arm == "cold":
        return Past()
    if options.arm in ("tpe", "default"):
        return Past(tuple(recommend(None, Encoding(config.space), 1, {})))
    found, unavailable = _read_stores(config, options)
    sifted = sift(found.kept, config.task.model, config.space, config.metric)
    lent = _starter(config) if options.use_history and config.warm_start.starter else ()
    kept, related = _by_kin(config, sifted.kept, lent, features)
    borrowed = {study.id for study in lent}
    sources = [
        Source(study.id, _name(study, study.id in borrowed), kin, len(study.trials))
        for study, kin in zip(kept, related, strict=True)
    ]
    encoding = Encoding(config.space)
    prior = cached_prior(kept, encoding, related)
    names = {source.id: source.name for source in sources}
    points = recommend(prior, encoding, config.warm_start.points, names)
    sources.sort(key=lambda source: -source.related)
    refused = (*found.refused, *sifted.refused)
    ahead = forecast(config.task, kept, config.budget.trials)
    return Past(tuple(points), tuple(sources), refused, tuple(unavailable), prior, ahead)


def _read_stores(config: StudyConfig, options: RunOptions) -> tuple[Sifted, list[str]]:
    """What all stores hold, not yet sifted, and which could not be read."""
    if options.known is not None:
        return Sifted(tuple(read_archive(options.known)), ()), []
    studies: list[Study] = []
    refused: list[Refusal] = []
    unavailable: list[str] = []
    stores = options.history or (config.tracking.uri or default_tracking_uri(),)
    for uri in stores if options.use_history else ():
        from tuner.tracking import read_studies

        try:
            found = read_studies(uri, config.tracking.experiment)
        except EnvironmentFault as error:
            unavailable.append(f"{redact(uri)}: {error}")
            continue
        studies += found.studies
        refused += found.refused
    return Sifted(tuple(studies), tuple(refused)), unavailable


def frozen(config: StudyConfig, options: RunOptions) -> tuple[list[Study], str]:
    """The past studies that can teach this one, to be kept in a file, and what to say of them."""
    found, unavailable = _read_stores(config, options)
    kept = sift(found.kept, config.task.model, config.space, config.metric).kept
    studies = list({study.id: study for study in kept}.values())
    lent = " and the starter history" if options.use_history and config.warm_start.starter else ""
    told = f"{len(studies)} past studies of your own{lent} to learn from, none of this experiment"
    return studies, "; ".join([told, *(f"history unavailable: {why}" for why in unavailable)])


def _name(study: Study, borrowed: bool) -> str:
    where = "starter history" if borrowed else study.arm
    return f"{study.task.id} ({where}, seed {study.seed})"


def _starter(config: StudyConfig) -> Sequence[Study]:
    return sift(starter_studies(), config.task.model, config.space, config.metric).kept


def _by_kin(
    config: StudyConfig,
    own: Sequence[Study],
    lent: Sequence[Study],
    features: Mapping[str, float] | None,
) -> tuple[list[Study], list[float]]:
    """One's own studies and the most related of those lent, and how related each is.

    Another split of the same data counts as the same, whatever its meta-features.
    """
    studies = [*own, *lent]
    same = (study.features for study in studies if study.task.dataset == config.task.dataset)
    values = relatedness(features or next(same, {}), [study.features for study in studies])
    kin = [
        (1.0 if study.task.dataset == config.task.dataset else float(value))
        * (1 if study.task.model == config.task.model else OTHER_MODEL)
        * (STARTER if place >= len(own) else 1)
        for place, (study, value) in enumerate(zip(studies, values, strict=True))
    ]
    nearest = sorted(range(len(own), len(studies)), key=lambda place: -kin[place])[:LENT]
    taken = [*range(len(own)), *sorted(nearest)]
    return [studies[place] for place in taken], [kin[place] for place in taken]
