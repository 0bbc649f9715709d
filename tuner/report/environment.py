"""What the study ran with: configuration, data, versions."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from tuner.report.material import Run
from tuner.report.section import Section, Table


def environment(run: Run) -> Section:
    """Everything needed to judge whether another study is like this one."""
    versions = run.header.get("versions") or {}
    tables = [Table("Study", ("what", "value"), _study(run))]
    missing = []
    if run.config:
        tables.append(Table("Configuration", ("key", "value"), list(_flat(run.config)), True))
    else:
        missing.append("The journal names no configuration.")
    if versions:
        tables.append(Table("Versions", ("package", "version"), list(versions.items())))
    else:
        missing.append("The journal names no versions.")
    features = run.study.features
    if features:
        cells = list(features.items())
        tables.append(Table("Meta-features of the data", ("feature", "value"), cells, True))
    return Section("environment", "Environment", tables=tables, missing=missing)


def _study(run: Run) -> list[tuple[str, object]]:
    study = run.study
    times = [entry.unix_time for entry in run.entries]
    return [
        ("study", study.id),
        ("task", study.task.id),
        ("arm", study.arm),
        ("seed", str(study.seed)),
        ("metric", f"{study.metric.name} ({study.metric.mode})"),
        ("first event", _date(times[0]) if times else None),
        ("last event", _date(times[-1]) if times else None),
        ("data", "synthetic" if run.synthetic else run.header.get("data_dir") or "as published"),
        ("fingerprint of data and split", study.fingerprint or None),
        ("directory", run.directory),
        *(run.header.get("machine") or {}).items(),
    ]


def _date(unix_seconds: float) -> str:
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _flat(config: Mapping[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    """The keys as ``--set`` writes them."""
    for name, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value
