"""The way from the stores of past studies to the first configurations of this one."""

from dataclasses import asdict, dataclass
from typing import Any

from meta.history import Refusal, sift
from meta.recommend import Recommendation, recommend
from meta.study import Study
from tuner.config import RunOptions, StudyConfig
from tuner.errors import EnvironmentFault
from tuner.home import default_tracking_uri, redact


@dataclass(frozen=True)
class Past:
    """What a study starts from: its first points, the studies behind them, what was refused.

    ``unavailable`` says which stores could not be read, and why.
    """

    points: tuple[Recommendation, ...] = ()
    studies: tuple[Study, ...] = ()
    refused: tuple[Refusal, ...] = ()
    unavailable: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What the journal keeps: the points whole, of the studies only their names."""
        return {
            "points": [asdict(point) for point in self.points],
            "studies": [study.id for study in self.studies],
            "refused": len(self.refused),
            "unavailable": list(self.unavailable),
        }

    def text(self) -> str:
        """For the terminal: one line for the whole and one for each point."""
        lines = [f"history: {len(self.studies)} studies kept, {len(self.refused)} refusals"]
        lines += [f"history unavailable: {problem}" for problem in self.unavailable]
        lines += [f"  start {n}: {point.reason}" for n, point in enumerate(self.points, 1)]
        return "\n".join(lines)


def read_past(config: StudyConfig, options: RunOptions) -> Past:
    """Read, sift and rank the past; a cold study has none, a store that is away is no error."""
    if options.arm == "cold":
        return Past()
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
    sifted = sift(studies, config.task.model, config.space, config.metric)
    points = recommend(sifted.kept, config.space, config.warm_start.points, config.task.dataset)
    return Past(tuple(points), sifted.kept, (*refused, *sifted.refused), tuple(unavailable))
