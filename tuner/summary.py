"""What a run comes to: for the terminal, and as one JSON object."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meta.study import Study, TrialState
from tuner.events import Finished
from tuner.final_result import FinalResult
from tuner.home import default_tracking_uri, redact
from tuner.rundir import MODEL_FOLDER

PAGE_FILE = "report.html"
"""The page of a run, in its directory."""
SYNTHETIC = "SYNTHETIC DATA: these values say nothing about the real data set"


@dataclass(frozen=True)
class Report:
    """The result of a study; ``seconds`` is its running time over all sessions.

    ``model`` is the URI of the final model in MLflow, None where none was registered.
    """

    study: Study
    tested: FinalResult | None
    finished: Finished
    directory: Path
    tracking_uri: str
    tracking_problem: str | None
    seconds: float
    synthetic: bool
    command: str
    past: dict[str, Any] = field(default_factory=dict)
    model: str | None = None
    usage: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Everything, as the one object of ``--json``."""
        best, tested = self.study.best, self.tested
        return {
            "task": self.study.task.id,
            "study": self.study.id,
            "arm": self.study.arm,
            "seed": self.study.seed,
            "metric": self.study.metric.to_json(),
            "trials": self._counts(),
            "finished": self.finished.reason,
            "best": best
            and {
                "trial": best.id,
                "config": best.recommended,
                "value": best.value,
                "metrics": best.measurements[-1].metrics,
                "origin": best.origin,
            },
            "test": tested and tested.to_json(),
            "expected": self._expected(),
            "seconds": round(self.seconds, 3),
            "gpu_hours": self.usage.get("gpu_hours", self.finished.gpu_hours),
            "usage": self.usage,
            "synthetic": self.synthetic,
            "directory": str(self.directory),
            "model": self.model,
            "tracking": {"uri": redact(self.tracking_uri), "problem": self.tracking_problem},
        }

    def text(self) -> str:
        """The same for a reader, with the commands to go on."""
        study = self.study
        counts = ", ".join(f"{n} {state.lower()}" for state, n in self._counts().items())
        lines = [
            f"{study.task.id}, {study.arm}, seed {study.seed}: {len(study.trials)} trials in"
            f" {self.seconds:.0f} s ({counts}); {self.finished.reason}",
            *([SYNTHETIC] if self.synthetic else []),
            *self._best(),
            *self._past(),
            *self._used(),
            "",
            f"look at it   {self._ui()}",
            self._other_arm(),
            f"kept in      {self.directory}",
            f"its page     {self.directory / PAGE_FILE}",
            *self._model(),
        ]
        if self.tracking_problem:
            lines.append(f"MLflow       {self.tracking_problem}")
        return "\n".join(lines)

    def _best(self) -> list[str]:
        best, metric = self.study.best, self.study.metric.name
        if best is None:
            return ["no trial completed"]
        tested = f", {self.tested.text()}" if self.tested else ""
        lines = [
            f"best {metric} {best.value:.6g} on validation{tested}"
            f"   (trial {best.id}, from {best.origin})"
        ]
        width = max(map(len, best.recommended))
        for name, value in best.recommended.items():
            shown = f"{value:.6g}" if isinstance(value, float) else str(value)
            lines.append(f"  {name:<{width}}  {shown}")
        return lines

    def _used(self) -> list[str]:
        """What the trainings took of the machines."""
        used = self.usage
        if not used.get("cpu_hours"):
            return []
        parts = [f"{used['cpu_hours']:.2g} CPU-hours ({used['cpu_percent']:.0f}% of its CPUs)"]
        if used["gpu_hours"]:
            parts.insert(0, f"{used['gpu_hours']:.3g} GPU-hours")
        if used["gpu_percent"] is not None:
            parts.append(f"GPU busy {used['gpu_percent']:.0f}%")
        for name, peak in (("GPU", used["peak_gpu_bytes"]), ("host", used["peak_host_bytes"])):
            if peak:
                parts.append(f"{name} memory up to {peak / 1e9:.2g} GB")
        if used["energy_joules"]:
            parts.append(f"{used['energy_joules'] / 3.6e6:.2g} kWh")
        if used["requeued"]:
            parts.append(f"{used['requeued']} repeated for lack of GPU memory")
        if used["mps"] is not None:
            parts.append("with MPS" if used["mps"] else "without MPS")
        return [f"used                {', '.join(parts)}", *self._shares()]

    def _shares(self) -> list[str]:
        """What the time of the places for trials, or of the GPUs, went to."""
        used = self.usage
        if used["overhead"] is None:
            return []
        fits = f", {used['final_fits']['share']:.0%} final fits" if self.tested else ""
        return [
            f"its time            {used['search']['share']:.0%} searching{fits},"
            f" {used['overhead']:.0%} orchestration"
        ]

    def _past(self) -> list[str]:
        """How far the past was trusted, and whether what it promised was met."""
        asked = [trial for trial in self.study.trials if trial.trust]
        lines = []
        if asked:
            shares = [f"{trial.trust:.0%} at trial {trial.id}" for trial in (asked[0], asked[-1])]
            lines.append(f"weight of the past  {', '.join(dict.fromkeys(shares))}")
        expected, best = self._expected(), self.study.best
        if expected and best is not None and best.value is not None:
            met = "inside" if expected["low"] <= best.value <= expected["high"] else "outside"
            span = f"{expected['low']:.5g} to {expected['high']:.5g}"
            lines.append(f"expected before     {expected['expected']:.5g} ({span}): {met}")
        return lines

    def _expected(self) -> dict[str, float] | None:
        """What the past let expect of the best value after so many trials."""
        values = (self.past.get("forecast") or {}).get("values", {})
        tried = [n for n in values if int(n) >= len(self.study.trials)] or list(values)
        return values[tried[0]] if values else None

    def _other_arm(self) -> str:
        if self.study.arm == "cold":
            return f"run it warm  {self.command}"
        return f"run it cold  {self.command} --baseline"

    def _ui(self) -> str:
        if self.tracking_uri == default_tracking_uri():
            return "tuner ui"
        return f"tuner ui --tracking-uri {redact(self.tracking_uri)}"

    def _model(self) -> list[str]:
        folder = self.directory / MODEL_FOLDER
        if not folder.is_dir():
            return []
        return [f"its model    {folder}" + (f" ({self.model} in MLflow)" if self.model else "")]

    def _counts(self) -> dict[str, int]:
        counts = Counter(trial.state for trial in self.study.trials)
        return {str(state): counts[state] for state in TrialState if counts[state]}
