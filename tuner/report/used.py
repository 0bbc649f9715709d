"""What a study occupied and used of its machines, by the ledger of its journal."""

from tuner.ledger import Ledger
from tuner.report.material import Run
from tuner.report.section import Section, Table

GIB = 2**30
MOST_TRIALS = 200
AMOUNTS = {
    "training_seconds": "seconds of training",
    "gpu_hours": "GPU-hours occupied",
    "cpu_hours": "CPU-hours",
    "cpu_percent": "use of the CPUs held, %",
    "gpu_percent": "use of the GPU (SM), %",
    "gpu_memory_percent": "use of the GPU's memory bandwidth, %",
    "energy_joules": "energy of the GPU, J",
}
PEAKS = {"peak_gpu_bytes": "GPU memory", "peak_host_bytes": "memory"}


def used(run: Run) -> Section:
    """Sessions, totals and the memory of each trial, as far as they were measured."""
    title, ledger = "What it used", run.ledger
    if not ledger.sessions and not ledger.trials:
        return Section("used", title, missing=["The journal holds no record of resources."])
    tables = [_totals(ledger), _sessions(run)]
    if memory := _memory(run):
        head = ("trial", "GPU share", "peak GPU memory, GiB", "expected, GiB", "peak memory, GiB")
        tables.append(Table("Memory of the trials", head, memory, folded=True))
    if ledger.requeued:
        rows = [(n, item.gpu, item.reason) for n, them in ledger.requeued.items() for item in them]
        tables.append(Table("Repeated with more of a GPU", ("trial", "share", "why"), rows))
    return Section("used", title, tables=tables)


def _totals(ledger: Ledger) -> Table:
    """What was measured, of the search, the final fits and both; sizes in GiB."""
    found = ledger.to_json()
    parts = (found["search"], found["final_fits"], found)
    rows: list[tuple[object, ...]] = [
        (name, *(_brief(part[key]) for part in parts))
        for key, name in AMOUNTS.items()
        if found[key]
    ]
    for key, name in PEAKS.items():
        if found[key]:
            sizes = (_gib(part[key]) for part in parts)
            rows.append((f"most {name} of one training, GiB", *sizes))
    if found["requeued"]:
        rows.append(("trials repeated with more of a GPU", None, None, found["requeued"]))
    if found["mps"] is not None:
        rows.append(("NVIDIA MPS", None, None, found["mps"]))
    return Table("Totals", ("what", "search", "final fits", "together"), rows)


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


def _gib(size: int | None) -> float | None:
    return _brief(size / GIB) if size else None


def _brief(amount: float | None) -> float | None:
    """Three digits; no clock and no gauge here is better."""
    return None if amount is None else float(f"{amount:.3g}")
