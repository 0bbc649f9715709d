"""Where the effort went: ASHA's rungs, and the seconds of the study."""

from collections import Counter
from collections.abc import Sequence

from markupsafe import Markup

from meta.study import Trial, TrialState
from tuner.asha import rung_steps
from tuner.events import FinalFit
from tuner.report.axes import Axis, axis
from tuner.report.markup import element
from tuner.report.material import Run
from tuner.report.plot import bars, figure, percent
from tuner.report.section import Figure, Section, Table

LANE = 14
"""The pixels of one trial at a time."""
MOST_LANES = 32
STATE_KEYS = (
    ("completed", "square", "completed or went on"),
    ("stopped", "square", "stopped"),
    ("failed", "square", "diverged or failed"),
)


def rungs(run: Run) -> Section:
    """How many trials reached each rung of ASHA, and what became of them there."""
    title = "Stopped early"
    budget = run.config.get("budget")
    measured = [trial for trial in run.study.trials if trial.measurements]
    if not budget or not measured:
        why = "No trial has reached a rung." if budget else "The journal names no budget."
        return Section("rungs", title, missing=[why])
    steps = rung_steps(budget["grace_steps"], budget["reduction_factor"], budget["max_steps"])
    stages = [*steps, budget["max_steps"]]
    counts = [_stage(run.study.trials, step, after) for step, after in _spans(stages)]
    rows = [
        (f"step {step}", reached, on, stopped, bad)
        for step, (reached, on, stopped, bad) in zip(stages, counts, strict=True)
    ]
    head = ("rung", "reached", "went on or completed", "stopped", "diverged or failed")
    table = Table("Rungs", head, rows)
    trained = sum(trial.step for trial in run.study.trials)
    full = len(measured) * budget["max_steps"]
    notes = [
        f"At each rung about the best 1/{budget['reduction_factor']} go on. {trained} steps were"
        f" trained, {trained / full:.0%} of what {len(measured)} full trainings take.",
        "A trial that ended between two rungs is counted at the earlier one.",
    ]
    return Section("rungs", title, notes, [_rung_chart(rows)], [table])


def _spans(stages: Sequence[int]) -> list[tuple[int, float]]:
    return list(zip(stages, [*map(float, stages[1:]), float("inf")], strict=True))


def _stage(trials: Sequence[Trial], step: int, after: float) -> tuple[int, int, int, int]:
    """Of the trials that reached ``step``: all, and those that went on, were stopped, broke."""
    reached = [trial for trial in trials if trial.step >= step]
    here = Counter(trial.state for trial in reached if trial.step < after)
    stopped, bad = here[TrialState.STOPPED], sum(here[state] for state in here if state.failed)
    return len(reached), len(reached) - stopped - bad, stopped, bad


def _rung_chart(rows: Sequence[tuple[str, int, int, int, int]]) -> Figure:
    most = max(max(row[1] for row in rows), 1)
    drawn = [
        (f"{name}: {reached} reached it, {stopped} stopped", [
            ("completed", on / most, f"{on} went on or completed"),
            ("stopped", stopped / most, f"{stopped} stopped"),
            ("failed", bad / most, f"{bad} diverged or failed"),
        ])
        for name, reached, on, stopped, bad in rows
    ]  # fmt: skip
    label = f"Bars of the trials at each rung. {'; '.join(name for name, _ in drawn)}."
    return Figure("Trials at each rung", bars(drawn, label), STATE_KEYS, "rows")


def time(run: Run) -> Section:
    """When each trial ran, and how much of the time was training."""
    title = "Where the time went"
    spans = _trial_spans(run)
    if not spans:
        return Section("time", title, missing=["No trial has ended yet."])
    lanes = _lanes(spans)
    parts = _parts(run, lanes)
    whole = sum(seconds for _, _, seconds in parts) or 1.0
    rows = [(name, round(seconds, 2), f"{seconds / whole:.0%}") for name, _, seconds in parts]
    table = Table("Seconds of the places to train in", ("what", "seconds", "share"), rows)
    notes = [
        f"The study ran for {run.seconds:.0f} s, the first trial was handed out after"
        f" {spans[0][0]:.1f} s and at most {len(lanes)} ran at once. Orchestration is what starting"
        " processes, reading data, proposing and waiting took. The places are the GPUs where trials"
        " used them, else those for trials."
    ]
    if run.finished and run.finished.gpu_hours:
        notes.append(f"GPU time: {run.finished.gpu_hours:.4g} hours.")
    figures = [_shares(parts, whole), _timeline(run, lanes)]
    return Section("time", title, notes, figures, [table])


Span = tuple[float, float, Trial]
Part = tuple[str, str, float]
"""What the time of the places went to: name, class of the style sheet, seconds."""


def _parts(run: Run, lanes: Sequence[Sequence[Span]]) -> list[Part]:
    """By the ledger; by the trials' times where no worker said what it used."""
    bill = run.ledger.bill
    if bill.shares:
        search, final = bill.search.busy_seconds, bill.final_fits.busy_seconds
        offered = bill.total.offered_seconds
    else:
        search, final = sum(trial.seconds for trial in run.study.trials), 0.0
        ends = [end for lane in lanes for _, end, _ in lane]
        offered = len(lanes) * (max(ends) - lanes[0][0][0])
    fits = [("final fits", "final", final)] if run.tested and final else []
    idle = max(offered - search - final, 0.0)
    return [("searching", "strong", search), *fits, ("orchestration", "weak", idle)]


def _trial_spans(run: Run) -> list[Span]:
    """When each ended trial was handed out and when it ended, in the order of the former."""
    return sorted(
        ((run.started[id], end, run.trials[id]) for id, end in run.ended.items()),
        key=lambda span: (span[0], span[1]),
    )


def _lanes(spans: Sequence[Span]) -> list[list[Span]]:
    """The fewest rows in which no two trials lie on each other."""
    lanes: list[list[Span]] = []
    for span in spans:
        free = next((lane for lane in lanes if lane[-1][1] <= span[0]), None)
        if free is None:
            lanes.append([span])
        else:
            free.append(span)
    return lanes


def _shares(parts: Sequence[Part], whole: float) -> Figure:
    told = ", ".join(f"{name} {seconds / whole:.0%}" for name, _, seconds in parts)
    pieces = [(kind, seconds / whole, f"{name}: {seconds:.1f} s") for name, kind, seconds in parts]
    keys = [(kind, "square", name) for name, kind, _ in parts]
    return Figure("Share of the time", bars([(told, pieces)], f"Bar: {told}."), keys, "rows")


def _timeline(run: Run, lanes: Sequence[Sequence[Span]]) -> Figure:
    scale = axis("seconds", [run.seconds], zero=True)
    shown = lanes[:MOST_LANES]
    parts = [
        element(
            "rect", element("title", _span_title(a, b, trial)),
            x=percent(scale.place(a)), width=percent(max(scale.place(b) - scale.place(a), 0.0005)),
            y=LANE * row, height=LANE - 3, class_=f"bar {_color(trial)}",
        )
        for row, lane in enumerate(shown)
        for a, b, trial in lane
    ]  # fmt: skip
    height = LANE * len(shown)
    for entry in run.entries:
        if isinstance(entry.event, FinalFit):
            end, begin = entry.elapsed_seconds, entry.elapsed_seconds - entry.event.seconds
            parts.append(element(
                "rect", element("title", f"final fit: {entry.event.seconds:.1f} s"), y=0,
                x=percent(scale.place(begin)), height=LANE - 3, class_="bar final",
                width=percent(scale.place(end) - scale.place(begin)),
            ))  # fmt: skip
    label = (
        f"Timeline: {len(run.ended)} trials, at most {len(lanes)} at once, over"
        f" {run.seconds:.0f} seconds."
    )
    drawing = figure(height + 40, label, *parts, *_ticks(scale, height))
    return Figure(
        "When each trial ran", drawing, (*STATE_KEYS, ("final", "square", "final fit")), "rows"
    )


def _span_title(begin: float, end: float, trial: Trial) -> str:
    return f"trial {trial.id}, {trial.state.lower()}: {begin:.1f} to {end:.1f} s"


def _color(trial: Trial) -> str:
    return "failed" if trial.state.failed else trial.state.lower()


def _ticks(scale: Axis, height: int) -> list[Markup]:
    ticks = [
        element("text", f"{value:g}", x=percent(scale.place(value)), y=height + 18, class_="middle")
        for value in scale.ticks()
    ]
    return [*ticks, element("text", scale.name, x="100%", y=height + 34, class_="name end")]
