"""What a study, or several together, used: the search and the final fits apart."""

from dataclasses import dataclass, field
from typing import Any

from tuner.usage import Usage


@dataclass(frozen=True, slots=True)
class Part:
    """What the search or the final fits used.

    ``held_seconds`` are the CPU threads held times the seconds, ``gpu_seconds`` the occupied time
    of all GPUs. ``offered_seconds`` is how long there were places to train in: the GPUs if any was
    used, else the places for trials; in ``busy_seconds`` of them something trained.
    """

    usage: Usage = field(default_factory=Usage)
    held_seconds: float = 0.0
    gpu_seconds: float = 0.0
    busy_seconds: float = 0.0
    offered_seconds: float = 0.0

    def __add__(self, other: "Part") -> "Part":
        """Both together."""
        return Part(
            self.usage + other.usage,
            self.held_seconds + other.held_seconds,
            self.gpu_seconds + other.gpu_seconds,
            self.busy_seconds + other.busy_seconds,
            self.offered_seconds + other.offered_seconds,
        )

    def to_json(self) -> dict[str, Any]:
        """The amounts; None where nothing was measured."""
        usage = self.usage
        held = self.held_seconds
        return {
            "training_seconds": usage.seconds,
            "gpu_hours": self.gpu_seconds / 3600,
            "cpu_hours": usage.cpu_seconds / 3600,
            "cpu_percent": 100 * usage.cpu_seconds / held if held else None,
            "gpu_percent": usage.gpu_percent,
            "gpu_memory_percent": usage.gpu_memory_percent,
            "energy_joules": usage.energy_joules,
            "peak_gpu_bytes": usage.peak_gpu_bytes,
            "peak_host_bytes": usage.peak_host_bytes or None,
        }


@dataclass(frozen=True, slots=True)
class Shares:
    """Of the time that there were places to train in; together 1."""

    search: float
    final_fits: float
    orchestration: float


@dataclass(frozen=True, slots=True)
class Bill:
    """Bills of several studies add up."""

    search: Part = field(default_factory=Part)
    final_fits: Part = field(default_factory=Part)

    def __add__(self, other: "Bill") -> "Bill":
        """Both together."""
        return Bill(self.search + other.search, self.final_fits + other.final_fits)

    @property
    def total(self) -> Part:
        """Search and final fits together."""
        return self.search + self.final_fits

    @property
    def shares(self) -> Shares | None:
        """Where the places' time went; None before anything was offered."""
        offered = self.total.offered_seconds
        if not offered:
            return None
        search = self.search.busy_seconds / offered
        final = self.final_fits.busy_seconds / offered
        return Shares(search, final, max(1 - search - final, 0.0))

    def to_json(self) -> dict[str, Any]:
        """The totals, then the same of each part with its share of the places' time."""
        shares = self.shares
        return {
            **self.total.to_json(),
            "overhead": shares and shares.orchestration,
            "search": {**self.search.to_json(), "share": shares and shares.search},
            "final_fits": {**self.final_fits.to_json(), "share": shares and shares.final_fits},
        }
