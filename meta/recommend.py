"""The first configurations to try: the default, then what was best in past studies."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from meta.space import Config, SearchSpace
from meta.study import Study


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A configuration to start from, why, and the ids of the past studies behind it."""

    config: Config
    reason: str
    sources: tuple[str, ...] = ()


def recommend(
    kept: Sequence[Study], space: SearchSpace, points: int, dataset: str = ""
) -> list[Recommendation]:
    """At most ``points`` different configurations, of which one study gives at most half.

    ``kept`` are sifted studies, newest first; those of the same ``dataset`` are asked first. The
    best of each study come before the second best of any, so that no study outvotes the others by
    its size or by the scale of its values.
    """
    chosen = [Recommendation(space.default(), "default")]
    for candidate in _by_rank(kept, dataset, points // 2):
        if len(chosen) >= points:
            break
        if all(candidate.config != other.config for other in chosen):
            chosen.append(candidate)
    return chosen[:points]


def _by_rank(kept: Sequence[Study], dataset: str, per_study: int) -> Iterator[Recommendation]:
    related_first = sorted(kept, key=lambda study: study.task.dataset != dataset)
    rankings = [(study, study.ranking) for study in related_first]
    for rank in range(per_study):
        for study, trials in rankings:
            if rank < len(trials):
                place = "best" if rank == 0 else f"number {rank + 1}"
                origin = f"{study.task.id} {study.arm} seed {study.seed}"
                reason = f"{place} of {len(trials)} in {origin}"
                yield Recommendation(trials[rank].recommended, reason, (study.id,))
