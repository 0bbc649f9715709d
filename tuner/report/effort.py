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
UNSUCCESSFUL = (TrialState.DIVERGED, TrialState.FAILED)
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
    stopped, bad = here[TrialState.STOPPED], sum(here[state] for state in UNSUCCESSFUL)
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
    begin, end = min(s[0] for s in spans), max(s[1] for s in spans)
    training = sum(trial.seconds for trial in run.study.trials)
    offered = len(lanes) * (end - begin)
    rows = [
        ("until the first trial was handed out", begin, None),
        ("trials, from the first handed out to the last ended", end - begin, None),
        (f"training, over {len(lanes)} at once", training, _share(training, offered)),
        ("waiting, starting and orchestration", max(offered - training, 0.0),
         _share(max(offered - training, 0.0), offered)),
    ]  # fmt: skip
    if run.tested:
        rows.append(("final fit", run.tested.seconds, None))
    cells = [(what, round(seconds, 2), share) for what, seconds, share in rows]
    table = Table("Seconds", ("what", "seconds", "share of the trials' time"), cells)
    notes = [
        f"{training:.1f} s of training in {run.seconds:.1f} s. Waiting holds what starting"
        " processes, reading data and proposing took, and trials that had no worker yet."
    ]
    if run.finished and run.finished.gpu_hours:
        notes.append(f"GPU time: {run.finished.gpu_hours:.4g} hours.")
    figures = [_shares(rows[2][1], rows[3][1]), _timeline(run, lanes)]
    return Section("time", title, notes, figures, [table])


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole > 0 else "unknown"


Span = tuple[float, float, Trial]


def _trial_spans(run: Run) -> list[Span]:
    """When each ended trial was handed out and when it ended, in the order of the former."""
    return sorted(
        ((run.started[id], end, run.by_id[id]) for id, end in run.ended.items()),
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


def _shares(training: float, waiting: float) -> Figure:
    whole = (training + waiting) or 1.0
    rows = [
        (f"training {training / whole:.0%}, waiting {waiting / whole:.0%}", [
            ("strong", training / whole, f"training: {training:.1f} s"),
            ("weak", waiting / whole, f"waiting and orchestration: {waiting:.1f} s"),
        ])
    ]  # fmt: skip
    keys = [("strong", "square", "training"), ("weak", "square", "waiting and orchestration")]
    return Figure("Share of training", bars(rows, f"Bar: {rows[0][0]}."), keys, "rows")


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
    return "failed" if trial.state in UNSUCCESSFUL else trial.state.lower()


def _ticks(scale: Axis, height: int) -> list[Markup]:
    ticks = [
        element("text", f"{value:g}", x=percent(scale.place(value)), y=height + 18, class_="middle")
        for value in scale.ticks()
    ]
    return [*ticks, element("text", scale.name, x="100%", y=height + 34, class_="name end")]
