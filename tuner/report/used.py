"""What a study occupied and used of its machines, by the ledger of its journal."""

from tuner.report.axes import number
from tuner.report.material import Run
from tuner.report.section import Section, Table

GIB = 2**30
MOST_TRIALS = 200
TOTALS = {
    "gpu_hours": "GPU-hours occupied",
    "cpu_hours": "CPU-hours",
    "cpu_percent": "use of the CPUs held, %",
    "gpu_percent": "use of the GPU (SM), %",
    "gpu_memory_percent": "use of the GPU's memory bandwidth, %",
    "energy_joules": "energy of the GPU, J",
    "overhead": "share of the places that was not training",
    "requeued": "trials repeated with more of a GPU",
    "mps": "NVIDIA MPS",
}


def used(run: Run) -> Section:
    """Sessions, totals and the memory of each trial, as far as they were measured."""
    title, ledger = "What it used", run.ledger
    if not ledger.sessions and not ledger.trials:
        return Section("used", title, missing=["The journal holds no record of resources."])
    tables = [Table("Totals", ("what", "amount"), _totals(run)), _sessions(run)]
    if memory := _memory(run):
        head = ("trial", "GPU share", "peak GPU memory, GiB", "expected, GiB", "peak memory, GiB")
        tables.append(Table("Memory of the trials", head, memory, folded=True))
    if ledger.requeued:
        rows = [(n, item.gpu, item.reason) for n, them in ledger.requeued.items() for item in them]
        tables.append(Table("Repeated with more of a GPU", ("trial", "share", "why"), rows))
    return Section("used", title, tables=tables)


def _totals(run: Run) -> list[tuple[str, object]]:
    """What was measured; sizes in GiB."""
    found = run.ledger.to_json()
    rows: list[tuple[str, object]] = [
        (name, found[key]) for key, name in TOTALS.items() if found.get(key) is not None
    ]
    for key, name in (("peak_gpu_bytes", "GPU memory"), ("peak_host_bytes", "memory")):
        if found.get(key):
            rows.append((f"most {name} of one training, GiB", _gib(found[key])))
    return rows


def _sessions(run: Run) -> Table:
    rows = [
        (
            place,
            session.concurrency,
            session.cpu,
            session.gpu,
            session.gpus,
            session.gpu_name or None,
            _gib(session.gpu_bytes),
            session.mps or None,
        )
        for place, session in enumerate(run.ledger.sessions, 1)
    ]
    head = ("session", "at once", "CPUs each", "GPU each", "GPUs", "GPU", "its GiB", "MPS")
    return Table("Sessions", head, rows)


def _memory(run: Run) -> list[tuple[object, ...]]:
    ledger = run.ledger
    return [
        (
            "final fit" if trial is None else trial,
            usage.gpu,
            _gib(usage.peak_gpu_bytes),
            _gib(ledger.predicted_bytes.get(trial)),
            _gib(usage.peak_host_bytes),
        )
        for trial, usage in list(ledger.trials.items())[:MOST_TRIALS]
        if usage.peak_gpu_bytes or usage.peak_host_bytes
    ]


def _gib(size: int | None) -> str | None:
    return number(size / GIB) if size else None
