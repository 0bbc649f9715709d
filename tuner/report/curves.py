"""Values over time: the best so far, of one study or of all arms, and every trial."""

from collections.abc import Callable, Sequence
from itertools import islice

import numpy as np
from markupsafe import Markup

from meta.study import Trial, TrialState
from tuner.report.axes import Axis, axis, robust_axis
from tuner.report.material import Run
from tuner.report.plot import Frame, steps
from tuner.report.section import Figure, Section, Table
from tuner.standing import Improvement

SHAPES = {
    TrialState.RUNNING: "ring",
    TrialState.COMPLETED: "circle",
    TrialState.STOPPED: "bar",
    TrialState.DIVERGED: "cross",
    TrialState.FAILED: "cross",
}
MOST_DRAWN = 1000
"""So many trials are drawn and listed: the best of them, where there are more."""
FEWEST_FOR_A_BAND = 3

Place = Callable[[Improvement], float]


def anytime(runs: Sequence[Run]) -> Section:
    """The best value so far against trials and against seconds."""
    title = "Best value so far"
    known = [run for run in runs if run.improvements]
    if not known:
        return Section("anytime", title, missing=["No trial has completed yet."])
    figures = [
        _anytime(known, "trials ended", lambda point: float(point.trials), _trials_ended),
        _anytime(known, "seconds of running time", lambda point: point.seconds, _running_seconds),
    ]
    metric = known[0].study.metric.name
    head = ("run", "arm", "trials ended", "seconds", metric, "trial")
    rows = [
        (run.directory.name, run.study.arm, p.trials, round(p.seconds, 1), p.value, p.trial)
        for run in known
        for p in run.improvements
    ]
    notes = ["Only trials that completed count; a line keeps its value until it is bettered."]
    if any(len(group) >= FEWEST_FOR_A_BAND for group in _arms(known).values()):
        notes.append("Of several studies the line is the median, the band holds the middle half.")
    return Section("anytime", title, notes, figures, [Table("Improvements", head, rows, True)])


def _trials_ended(run: Run) -> float:
    return float(len(run.ended))


def _running_seconds(run: Run) -> float:
    return max(run.ended.values(), default=0.0)


def _arms(runs: Sequence[Run]) -> dict[str, list[Run]]:
    arms: dict[str, list[Run]] = {}
    for run in runs:
        arms.setdefault(run.study.arm, []).append(run)
    return arms


def arm_class(position: int) -> str:
    """The class of the colour of an arm."""
    return f"arm{position % 6}"


def _anytime(runs: Sequence[Run], name: str, x: Place, end: Callable[[Run], float]) -> Figure:
    metric = runs[0].study.metric
    values = (point.value for run in runs for point in run.improvements)
    last = max(end(run) for run in runs)
    frame = Frame(axis(name, [last], zero=True), robust_axis(metric.name, values, metric.mode))
    lines: list[Markup] = []
    dots: list[Markup] = []
    arms = _arms(runs)
    for position, (arm, group) in enumerate(arms.items()):
        lines += _arm_lines(frame, group, x, end, arm_class(position), arm)
        if len(group) < FEWEST_FOR_A_BAND:
            kind = arm_class(position)
            dots += [_improvement(frame, p, x, kind) for run in group for p in run.improvements]
    finals = ", ".join(
        f"{run.study.arm} seed {run.study.seed} ends at {run.improvements[-1].value:.6g}"
        for run in islice(runs, 10)
    )
    keys = [(arm_class(place), "dash", arm) for place, arm in enumerate(arms)]
    label = f"Line chart of the best {metric.name} so far against {name}: {finals}."
    return Figure(f"Best {metric.name} against {name}", frame.draw(lines, dots, label), keys)


def _improvement(frame: Frame, point: Improvement, x: Place, kind: str) -> Markup:
    title = f"trial {point.trial}: {point.value:.6g} after {point.seconds:.1f} s"
    return frame.dot((x(point), point.value), kind, title)


def _arm_lines(
    frame: Frame, runs: Sequence[Run], x: Place, end: Callable[[Run], float], kind: str, arm: str
) -> list[Markup]:
    curves = [[(x(p), p.value) for p in run.improvements] for run in runs]
    if len(runs) < FEWEST_FOR_A_BAND:
        pairs = zip(runs, curves, strict=True)
        return [frame.line(steps(curve, end(run)), kind, arm) for run, curve in pairs]
    begin, last = max(curve[0][0] for curve in curves), min(map(end, runs))
    places = sorted({x for curve in curves for x, _ in curve if begin <= x <= last} | {begin})
    table = np.array([[_value_at(curve, place) for place in places] for curve in curves])
    low, middle, high = np.quantile(table, (0.25, 0.5, 0.75), axis=0)
    corners = [
        steps(list(zip(places, row.tolist(), strict=True)), last) for row in (high, low, middle)
    ]
    return [frame.band(corners[0], corners[1], kind), frame.line(corners[2], kind, arm)]


def _value_at(curve: Sequence[tuple[float, float]], place: float) -> float:
    return [value for x, value in curve if x <= place][-1]


def drawn(run: Run) -> list[Trial]:
    """The trials that a page shows: all, or the best ``MOST_DRAWN`` in the order of their ids."""
    loss = run.study.metric.loss
    by_loss = sorted(
        run.study.trials,
        key=lambda trial: float("inf") if trial.value is None else loss(trial.value),
    )
    return sorted(by_loss[:MOST_DRAWN], key=lambda trial: trial.id)


def trials(run: Run) -> Section:
    """Every trial: its value, its curve, and all of them in a table."""
    title, shown = "All trials", drawn(run)
    measured = [trial for trial in shown if trial.measurements]
    table = _table(run, shown)
    if not measured:
        why = "No trial has measured anything." if shown else "No trial was started."
        return Section("trials", title, tables=[table] if shown else [], missing=[why])
    metric, total = run.study.metric, len(run.study.trials)
    last = [trial.measurements[-1].value for trial in measured]
    y = robust_axis(metric.name, last, metric.mode)
    notes = []
    beyond = sum(not y.low <= value <= y.high for value in last)
    if beyond:
        notes.append(f"Beyond the range shown, and drawn at its edge: {beyond} of {len(last)}.")
    if len(shown) < total:
        notes.append(f"Drawn and listed are the {len(shown)} best of {total} trials.")
    figures = [_scatter(measured, y)]
    if any(len(trial.measurements) > 1 for trial in measured):
        figures.append(_learning_curves(run, measured, y))
    return Section("trials", title, notes, figures, [table])


def _describe(trial: Trial) -> str:
    config = ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}"
                       for k, v in islice(trial.config.items(), 8))  # fmt: skip
    value = "nothing measured" if trial.value is None else f"{trial.value:.6g}"
    return f"trial {trial.id}: {value}, {trial.state.lower()} at step {trial.step}; {config}"


def _scatter(measured: Sequence[Trial], y: Axis) -> Figure:
    frame = Frame(axis("trial", [trial.id for trial in measured], zero=True), y)
    dots = [
        frame.dot(
            (trial.id, trial.measurements[-1].value),
            trial.state.lower(),
            _describe(trial),
            SHAPES[trial.state],
        )
        for trial in measured
    ]
    states = [state for state in TrialState if any(trial.state is state for trial in measured)]
    keys = [(state.lower(), SHAPES[state], state.lower()) for state in states]
    label = f"Scatter of the last {y.name} of {len(measured)} trials against their number."
    return Figure("Last value of each trial", frame.draw([], dots, label), keys)


def _learning_curves(run: Run, measured: Sequence[Trial], y: Axis) -> Figure:
    """The curves on the axis of the last values, wide enough for the first ones of the better."""
    best = run.study.best
    values = [m.value for trial in measured for m in trial.measurements]
    y = robust_axis(y.name, values, run.study.metric.mode)
    longest = max(trial.step for trial in measured)
    frame = Frame(axis("step", [longest], zero=True), y)
    lines = [
        frame.line(
            [(m.step, m.value) for m in trial.measurements],
            f"curve {trial.state.lower()}",
            f"trial {trial.id}, {trial.state.lower()}",
        )
        for trial in measured
        if trial is not best and len(trial.measurements) > 1
    ]
    keys = [("completed", "dash", "completed"), ("stopped", "dash", "stopped or failed")]
    if best is not None:
        points = [(m.step, m.value) for m in best.measurements]
        lines.append(frame.line(points, "best", f"trial {best.id}, the best"))
        keys.append(("best", "dash", f"trial {best.id}, the best"))
    label = f"Learning curves of {len(lines)} trials: {y.name} against the step."
    return Figure("Learning curves", frame.draw(lines, [], label), keys)


def _table(run: Run, shown: Sequence[Trial]) -> Table:
    names = list(run.study.space.parameters)
    head = ("trial", "state", "step", run.study.metric.name, "seconds", *names, "from", "reason")
    rows = [
        (
            trial.id,
            trial.state.lower(),
            trial.step,
            trial.value,
            round(trial.seconds, 2),
            *(trial.config.get(name) for name in names),
            trial.origin,
            trial.reason.partition("\n")[0],
        )
        for trial in shown
    ]
    return Table("Trials", head, rows, folded=True)
