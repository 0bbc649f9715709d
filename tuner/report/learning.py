"""What the past gave: the first configurations, its weight, what it foretold, what was refused."""

from meta.forecast import COVERAGE
from meta.study import Trial, TrialState
from tuner.report.axes import axis
from tuner.report.material import Run
from tuner.report.plot import Frame
from tuner.report.section import Figure, Section, Table

ForecastRow = tuple[int, float, float, float, float | None, str]
WITHOUT = "without the past"
MOST_SOURCES = 50


def first_points(run: Run) -> Section:
    """The configurations that the study began with, why, and what came of them."""
    title = "First configurations"
    points = run.past.get("points") or []
    if not points:
        return Section("first", title, missing=["This study began without recommendations."])
    names = list(run.study.space.parameters)
    head = ("#", "why", *names, run.study.metric.name, "state", "rank")
    rank = {trial.id: place for place, trial in enumerate(run.study.ranking, 1)}
    rows = []
    for place, point in enumerate(points, 1):
        trial = _trial_of(run, point["config"])
        outcome = (trial.value, trial.state.lower(), rank.get(trial.id)) if trial else (None,) * 3
        config = point["config"]
        rows.append((place, point["reason"], *(config.get(name) for name in names), *outcome))
    tables = [Table("First configurations", head, rows)]
    sources = run.past.get("sources") or []
    notes = [f"{len(sources)} past studies were learned from."]
    if sources:
        cells = [
            (source["name"], f"{source['related']:.0%}", source["trials"], source["id"])
            for source in sources[:MOST_SOURCES]
        ]
        head = ("past study", "related", "trials", "id")
        tables.append(Table("Past studies, the most related first", head, cells, folded=True))
    return Section("first", title, notes, tables=tables, missing=_unavailable(run))


def _trial_of(run: Run, config: dict[str, object]) -> Trial | None:
    return next((trial for trial in run.study.trials if trial.config == config), None)


def _unavailable(run: Run) -> list[str]:
    return [f"History unavailable: {problem}" for problem in run.past.get("unavailable") or []]


def weight(run: Run) -> Section:
    """How far the past was trusted from trial to trial."""
    title = "Weight of the past"
    asked = [trial for trial in run.study.trials if trial.trust]
    if not asked:
        return Section("weight", title, missing=["No proposal asked the past."])
    points = [(float(trial.id), 100 * (trial.trust or 0.0)) for trial in asked]
    last = max(trial.id for trial in run.study.trials)
    frame = Frame(axis("trial", [last], zero=True), axis("weight, %", [0, 100]), height=160)
    free = [trial for trial in run.study.trials if trial.trust == 0]
    marks = [frame.dot(p, "strong", f"trial {p[0]:.0f}: {p[1]:.0f}%") for p in points]
    marks += [
        frame.dot((trial.id, 0), "stopped", f"trial {trial.id}: proposed {WITHOUT}", "bar")
        for trial in free
    ]
    label = (
        f"Line chart of the weight of the past: {points[0][1]:.0f}% at trial {points[0][0]:.0f},"
        f" {points[-1][1]:.0f}% at trial {points[-1][0]:.0f}."
    )
    keys = [("strong", "circle", "weight"), ("stopped", "bar", f"proposed {WITHOUT}")]
    drawing = frame.draw([frame.line(points, "strong")], marks, label)
    rows = [
        (trial.id, f"{trial.trust:.0%}" if trial.trust else WITHOUT)
        for trial in sorted([*asked, *free], key=lambda trial: trial.id)
    ]
    notes = [
        "The probability, given the trials so far, that the past says something about this task."
        f" Some configurations are proposed {WITHOUT}, to unmask one that misleads."
    ]
    table = Table("Weight by trial", ("trial", "weight of the past"), rows, folded=True)
    return Section("weight", title, notes, [Figure("Weight of the past", drawing, keys)], [table])


def forecast(run: Run) -> Section:
    """What the past let expect, beside what came."""
    title = "Forecast and outcome"
    ahead = run.past.get("forecast")
    if not ahead:
        return Section("forecast", title, missing=["No past study of this task to forecast from."])
    spans = {int(n): interval for n, interval in ahead["values"].items()}
    rows: list[ForecastRow] = []
    for n, span in sorted(spans.items()):
        best = _best_of_first(run, n)
        met = None if best is None else span["low"] <= best <= span["high"]
        word = {None: "not reached", True: "inside", False: "outside"}[met]
        rows.append((n, span["expected"], span["low"], span["high"], best, word))
    head = ("trials", "expected", "low", "high", "came", "interval")
    hours = ahead["hours"]
    spent = sum(trial.seconds for trial in run.study.trials) / 3600
    notes = [
        f"{COVERAGE:.0%} intervals by {ahead['studies']} past studies of this task; they held for"
        f" {ahead['held']} of {ahead['checked']} past studies.",
        f"Training was expected to take {hours['expected']:.3g} hours ({hours['low']:.3g} to"
        f" {hours['high']:.3g}) and took {spent:.3g}.",
    ]
    table = Table("Forecast and outcome", head, rows)
    return Section("forecast", title, notes, [_forecast_chart(run, rows)], [table])


def _best_of_first(run: Run, count: int) -> float | None:
    """The best completed value of the first ``count`` trials, once all of them have ended."""
    first = run.study.trials[:count]
    if len(first) < count or any(trial.state is TrialState.RUNNING for trial in first):
        return None
    best = run.study.with_trials(first).best
    return best.value if best else None


def _forecast_chart(run: Run, rows: list[ForecastRow]) -> Figure:
    metric = run.study.metric
    values = [value for row in rows for value in row[1:5] if value is not None]
    last = max(row[0] for row in rows)
    frame = Frame(axis("trials", [last], zero=True), axis(metric.name, values), height=200)
    marks = []
    for n, expected, low, high, came, word in rows:
        marks.append(frame.whisker(n, low, high, "past", f"after {n}: {low:.5g} to {high:.5g}"))
        marks.append(
            frame.dot((n, expected), "past", f"expected after {n}: {expected:.5g}", "ring")
        )
        if came is not None:
            marks.append(frame.dot((n, came), "best", f"came after {n}: {came:.5g}, {word}"))
    told = "; ".join(
        f"after {row[0]} expected {row[1]:.5g}, came {_or_nothing(row[4])}" for row in rows
    )
    keys = [("past", "ring", "expected, with its interval"), ("best", "circle", "came")]
    drawing = frame.draw([], marks, f"Forecast against outcome of {metric.name}: {told}.")
    return Figure("Forecast and outcome", drawing, keys)


def _or_nothing(value: float | None) -> str:
    return "nothing yet" if value is None else f"{value:.5g}"


def refused(run: Run) -> Section:
    """What was not learned from, and why."""
    title = "Refused history"
    reasons = run.past.get("refused") or {}
    if not reasons:
        return Section("refused", title, ["Nothing was refused."])
    rows = [(reason, count) for reason, count in reasons.items()]
    notes = ["The most frequent reasons; `tuner history refused` lists every study and trial."]
    return Section("refused", title, notes, tables=[Table("Refusals", ("reason", "times"), rows)])


def failures(run: Run) -> Section:
    """The trials that diverged or failed, grouped by reason."""
    title = "Failures"
    groups: dict[tuple[str, str], list[int]] = {}
    for trial in run.study.trials:
        if trial.state.failed:
            reason = trial.reason.partition("\n")[0]
            groups.setdefault((trial.state.lower(), reason), []).append(trial.id)
    if not groups:
        return Section("failures", title, ["No trial diverged or failed."])
    rows = [
        (reason, state, len(ids), ", ".join(map(str, ids[:20])) + (", …" if len(ids) > 20 else ""))
        for (state, reason), ids in sorted(groups.items(), key=lambda item: -len(item[1]))
    ]
    table = Table("Failures by reason", ("reason", "state", "times", "trials"), rows)
    return Section("failures", title, tables=[table])
