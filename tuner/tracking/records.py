"""What a study looks like in MLflow: tags, parameters and metrics for people, a record to read.

The record is the study or trial as JSON, in numbered tags since one holds 8000 characters. From
the records alone a study is rebuilt exactly; the rest repeats them for the eye.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from meta.space import Config
from meta.study import Study, Trial, TrialState
from tuner.bill import Bill
from tuner.events import Finished
from tuner.final_result import FinalResult
from tuner.home import redact
from tuner.usage import Usage

STUDY = "warmtune.study"
TRIAL = "warmtune.trial"
STATE = "warmtune.state"
METRIC = "warmtune.metric"
TRIALS = "warmtune.trials"
WRITTEN = "warmtune.written"
RECORD = "warmtune.record"
PARENT = "mlflow.parentRunId"
NOTE = "mlflow.note.content"
NOTE_ROWS = 10
TAG_LENGTH = 8000
PARAM_LENGTH = 6000
NAME_LENGTH = 250
SHORTEST_SECONDS = 0.05
"""Of what is shorter, no percentage can be told."""

STATUSES = {
    TrialState.RUNNING: "RUNNING",
    TrialState.COMPLETED: "FINISHED",
    TrialState.STOPPED: "FINISHED",
    TrialState.DIVERGED: "FAILED",
    TrialState.FAILED: "FAILED",
}
"""A stopped trial did all that was asked of it; MLflow paints KILLED like FAILED, in red."""

MALFORMED = (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What reading a record that is none can raise."""

DECODER = json.JSONDecoder()


class MetricValue(NamedTuple):
    """What MLflow keeps of a metric at one time."""

    name: str
    value: float
    unix_time: float
    step: int


def write_record(data: Mapping[str, Any]) -> dict[str, str]:
    """The tags that hold a record."""
    text = json.dumps(data, separators=(",", ":"))
    starts = range(0, len(text), TAG_LENGTH)
    return {f"{RECORD}.{n}": text[at : at + TAG_LENGTH] for n, at in enumerate(starts)}


def read_record(tags: Mapping[str, str]) -> tuple[Any, str]:
    """What ``write_record`` wrote, also after a longer one, and its text.

    Raises one of ``MALFORMED``.
    """
    pieces: list[str] = []
    while (piece := tags.get(f"{RECORD}.{len(pieces)}")) is not None:
        pieces.append(piece)
    text = "".join(pieces)
    data, end = DECODER.raw_decode(text)
    return data, text[:end]


def study_name(study: Study) -> str:
    """What the run of a study is called; the UI shows the first 16 characters."""
    return f"{study.arm} {study.seed}: {study.task.id}"


def model_name(task: str) -> str:
    """What the final models of a task are registered under; ``/`` and ``:`` separate in an URI."""
    return re.sub(r"[^\w\-.]", "_", task)[:NAME_LENGTH]


def study_tags(study: Study, header: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a study's run, all but those that change while it runs."""
    shown = {
        **_common_tags(study),
        METRIC: f"{study.metric.name} ({study.metric.mode})",
        "warmtune.seed": study.seed,
        "warmtune.fingerprint": study.fingerprint,
        **{f"warmtune.{key}": value for key, value in header.items() if key != "config"},
    }
    return {**_texts(shown), **write_record(study.with_trials(()).to_json())}


def study_params(header: Mapping[str, Any]) -> dict[str, str]:
    """The configuration of a study, one parameter for each field of its sections that is set."""
    params: dict[str, object] = {}
    for section, value in header.get("config", {}).items():
        if isinstance(value, Mapping):
            params |= {f"{section}.{key}": inner for key, inner in value.items()}
        else:
            params[section] = value
    return _params({name: value for name, value in params.items() if value is not None})


def trial_tags(trial: Trial, study: Study) -> dict[str, str]:
    """The tags of a trial's run."""
    shown = {
        **_common_tags(study),
        TRIAL: trial.id,
        STATE: trial.state,
        "warmtune.reason": trial.reason,
        "warmtune.origin": trial.origin,
        "warmtune.seed": trial.seed,
        "warmtune.seconds": trial.seconds,
        "warmtune.recommended": "" if trial.recommended == trial.config else trial.recommended,
    }
    return {**_texts(shown), **write_record(trial.to_json())}


def trial_params(config: Config) -> dict[str, str]:
    """The configuration of a trial as MLflow parameters."""
    return _params(config)


def trial_metrics(trial: Trial, times: Iterable[float], metric: str) -> list[MetricValue]:
    """All metrics of all measurements of a trial; ``times`` says when each was taken."""
    values = []
    for measurement, time in zip(trial.measurements, times, strict=True):
        for name, value in {**measurement.metrics, metric: measurement.value}.items():
            values.append(MetricValue(_name(name), value, time, measurement.step))
    return values


def trial_usage(usage: Usage, total: Usage, time: float, step: int) -> list[MetricValue]:
    """What a trial just used, and its total so far: sums and peaks.

    The names are those of MLflow's own system metrics where it has them.
    """
    energy, held = usage.energy_joules, usage.seconds * min(usage.gpu, 1.0)
    values = {
        **_percentages(usage),
        **_totals(total),
        "gpu_0_power_usage_watts": energy / held if energy is not None and held else None,
        "gpu_0_share": usage.gpu or None,
        "gpu_0_mps": None if usage.mps is None else float(usage.mps),
    }
    return _system(values, time, step)


def study_usage(bill: Bill, time: float, step: int) -> list[MetricValue]:
    """What all trainings of a study used so far, the final fits also apart, and shares of time."""
    total, fits, shares = bill.total, bill.final_fits, bill.shares
    values: dict[str, float | None] = {
        **_percentages(total.usage),
        **_totals(total.usage),
        "gpu_hours": total.gpu_seconds / 3600 or None,
        "final_fits_cpu_seconds": fits.usage.cpu_seconds or None,
        "final_fits_gpu_hours": fits.gpu_seconds / 3600 or None,
    }
    if shares:
        values |= {f"{part}_share": share for part, share in asdict(shares).items()}
    return _system(values, time, step)


def _percentages(usage: Usage) -> dict[str, float | None]:
    if usage.seconds < SHORTEST_SECONDS:
        return {}
    return {
        "cpu_utilization_percentage": 100 * usage.cpu_seconds / (usage.seconds * (usage.cpu or 1)),
        "gpu_0_utilization_percentage": usage.gpu_percent,
    }


def _totals(total: Usage) -> dict[str, float | None]:
    return {
        "cpu_seconds": total.cpu_seconds,
        "system_memory_usage_megabytes": total.peak_host_bytes / 1e6,
        "gpu_0_memory_usage_megabytes": total.peak_gpu_bytes and total.peak_gpu_bytes / 1e6,
        "gpu_0_energy_joules": total.energy_joules,
    }


def _system(values: Mapping[str, float | None], time: float, step: int) -> list[MetricValue]:
    known = {name: value for name, value in values.items() if value is not None}
    return [MetricValue(f"system/{name}", value, time, step) for name, value in known.items()]


def final_metrics(tested: FinalResult, metric: str, time: float) -> list[MetricValue]:
    """The means on the test data over the seeds so far, named ``test_…``: MLflow shows the last."""
    values, step = {**tested.metrics, metric: tested.value}, len(tested.fits)
    return [MetricValue(_name(f"test_{name}"), value, time, step) for name, value in values.items()]


def outcome_tags(
    study: Study,
    finished: Finished | None,
    tested: FinalResult | None,
    past: Mapping[str, Any],
) -> dict[str, str]:
    """The tags of a study's run that change while it runs, and its description."""
    best = study.best
    shown = {
        TRIALS: len(study.trials),
        "warmtune.best_trial": "" if best is None else best.id,
        "warmtune.best_config": "" if best is None else best.recommended,
        "warmtune.finished": finished.reason if finished else "",
        "warmtune.test": tested and tested.to_json(),
    }
    return {**_texts(shown), NOTE: _text(_note(study, finished, tested) + _past(past))}


def _note(study: Study, finished: Finished | None, tested: FinalResult | None) -> str:
    """Markdown; the UI shows the first lines of it."""
    best, metric = study.best, study.metric.name
    facts = [f"{len(study.trials)} trials, {finished.reason if finished else 'running'}"]
    config = ""
    if best is not None:
        facts.append(f"best {metric} **{best.value:.6g}** (trial {best.id}, {best.origin})")
        config = ", ".join(f"{name} `{value}`" for name, value in best.recommended.items())
    if tested is not None:
        facts.append(f"{metric} **{tested.text()}**")
    return " · ".join(facts) + f"\n\n{config}"


def _past(past: Mapping[str, Any]) -> str:
    """What the study learned from, as tables; the names are other people's texts."""
    sources, points = past.get("sources", []), past.get("points", [])
    refused = past.get("refused", {})
    tables = [
        ("related | past study | trials", [_source(source) for source in sources[:NOTE_ROWS]]),
        ("start | why", [f"{n} | {_cell(p['reason'])}" for n, p in enumerate(points)]),
        ("refused | times", [f"{_cell(why)} | {times}" for why, times in refused.items()]),
    ]
    return "".join(
        "\n".join(["", "", f"| {head} |", "|" + "---|" * (head.count("|") + 1), *map(_row, rows)])
        for head, rows in tables
        if rows
    )


def _source(source: Mapping[str, Any]) -> str:
    return f"{source['related']:.0%} | {_cell(source['name'])} | {source['trials']}"


def _row(cells: str) -> str:
    return f"| {cells} |"


def _cell(text: object) -> str:
    """A text that stays in its cell."""
    return " ".join(str(text).replace("|", "/").split())


def _common_tags(study: Study) -> dict[str, object]:
    return {
        STUDY: study.id,
        "warmtune.task": study.task.id,
        "warmtune.arm": study.arm,
        "mlflow.source.name": "tuner",
        "mlflow.user": os.environ.get("USER", ""),
    }


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    present = {key: value for key, value in values.items() if value not in (None, "")}
    return {_name(key): _text(value)[:TAG_LENGTH] for key, value in present.items()}


def _params(values: Mapping[str, object]) -> dict[str, str]:
    return {_name(key): _text(value)[:PARAM_LENGTH] for key, value in values.items()}


def _text(value: object) -> str:
    text = json.dumps(value) if isinstance(value, dict | list) else str(value)
    text = redact(text).replace("\0", "")
    return text.encode(errors="backslashreplace").decode()  # a path need not be Unicode


def _name(text: str) -> str:
    return re.sub(r"[^\w\-. :/]", "_", text)[:NAME_LENGTH]
