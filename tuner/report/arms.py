"""The page of a comparison: verdicts, effects with their intervals and tests, curves, costs, and
a study of each arm in full."""

from collections.abc import Sequence

from tuner.comparison.records import Comparison, Contrast, Curve, Effect, Measure, Result
from tuner.comparison.tables import cost_table
from tuner.comparison.verdict import is_shown
from tuner.report.axes import axis, number
from tuner.report.curves import arm_class
from tuner.report.material import Run
from tuner.report.page import page, sections_of
from tuner.report.plot import Frame, Interval, forest, robust_span, steps
from tuner.report.section import Figure, Section, Table

KEYS = (
    ("better", "circle", "better"),
    ("worse", "circle", "worse"),
    ("neutral", "circle", "no difference shown"),
)
EFFECT_HEAD = (
    *("on", "pairs", "better in", "baseline", "candidate", "effect", "95% interval"),
    *("p (t test)", "p (Wilcoxon)", "p (Holm)", "Cohen's d", "rank-biserial", "detectable"),
)
STUDIES = Section(
    "studies",
    "Studies in full",
    [
        "Of each task and arm the study of the lowest seed, whatever came of it. `tuner report"
        " RUN_DIR` writes the page of any other; the directories are listed above."
    ],
)


def comparison_page(comparison: Comparison, runs: Sequence[Run] = ()) -> str:
    """The whole page; the verdicts come first, last the first of the ``runs`` of each arm."""
    contrasts = [_contrast(place, item) for place, item in enumerate(comparison.contrasts)]
    others = [part(comparison) for part in (_curves, _costs, _limits, _repeat)]
    studies = _studies(comparison, runs)
    sections = [*contrasts, *others, *([STUDIES] if studies else [])]
    lead = [
        f"{item.candidate} against {item.baseline}: {item.results[0].headline.verdict}"
        for item in comparison.contrasts
        if item.results
    ]
    arms = " against ".join(comparison.arms)
    count = len(comparison.tasks)
    where = comparison.tasks[0] if count == 1 else f"{count} tasks"
    synthetic = any(run.synthetic for run in runs)
    return page(f"{arms} on {where}", sections, lead, studies, synthetic=synthetic)


def _contrast(place: int, contrast: Contrast) -> Section:
    title = f"{contrast.candidate} against {contrast.baseline}"
    figures, tables = [], []
    for result in contrast.results:
        figures.append(_forest(result))
        cells = [_cells(effect) for effect in result.effects]
        tables.append(Table(result.measure.title, EFFECT_HEAD, cells))
    tables += [_pairs(result) for result in contrast.results]
    notes = [f"{item.measure.title}: {item.headline.verdict}" for item in contrast.results]
    if len(notes) > 1:
        notes[1:1] = ["The measures below describe; they are not corrected for how many they are."]
    if any(e.generalises for item in contrast.results for e in [item.headline]):
        notes.append("Over all tasks, the tasks count as drawn from more tasks like these.")
    missing = [] if contrast.results else ["There is nothing that both arms measured."]
    return Section(f"contrast{place}", title, notes, figures, tables, missing=missing)


def _cells(effect: Effect) -> tuple[object, ...]:
    return (
        effect.scope,
        effect.pairs,
        effect.better,
        _rounded(effect.baseline),
        _rounded(effect.candidate),
        f"{_short(effect.effect)} {effect.unit}",
        _interval(effect),
        *(_p(p) for p in (effect.t_p, effect.wilcoxon_p, effect.holm_p)),
        _rounded(effect.cohens_d, 2),
        _rounded(effect.rank_biserial, 2),
        _rounded(effect.detectable, 3),
    )


def _interval(effect: Effect) -> str | None:
    if effect.low is None or effect.high is None:
        return None
    return f"{_short(effect.low)} to {_short(effect.high)}"


def _short(value: float) -> str:
    """Three digits; an interval of a few pairs has no more to say."""
    return number(float(f"{value:.3g}"))


def _rounded(value: float | None, digits: int = 4) -> float | None:
    """So many digits, and no minus before a zero."""
    return None if value is None else float(f"{value:.{digits}g}") + 0.0


def _p(value: float | None) -> str | None:
    if value is None:
        return None
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _pairs(result: Result) -> Table:
    rows = [(pair.task, pair.seed, pair.baseline, pair.candidate) for pair in result.pairs]
    caption = f"Pairs: {result.measure.title}"
    return Table(caption, ("task", "seed", "baseline", "candidate"), rows, folded=True)


def _forest(result: Result) -> Figure:
    """Each effect with its interval; differences in percent, so that tasks share one axis."""
    measure = result.measure
    rows = [_row(result, effect) for effect in result.effects]
    name = result.axis
    told = "; ".join(row.name for row in rows)
    label = f"Intervals of {measure.title} ({name}), {measure.better} is better: {told}."
    caption = f"{measure.title} ({name}; {measure.better} is better)"
    scale = robust_span(name, rows, measure.neutral)
    return Figure(caption, forest(rows, scale, measure.neutral, label), KEYS, "rows")


def _row(result: Result, effect: Effect) -> Interval:
    value, low, high = result.on_axis(effect)
    span = "" if low is None or high is None else f", {_short(low)} to {_short(high)}"
    name = f"{effect.scope}: {_short(value)}{span}"
    return Interval(name, value, low, high, _side(result.measure, effect))


def _side(measure: Measure, effect: Effect) -> str:
    """The colour says what the verdict says."""
    if not is_shown(measure, effect):
        return "neutral"
    return "better" if (effect.effect < measure.neutral) == (measure.better == "low") else "worse"


def _curves(comparison: Comparison) -> Section:
    title = "Best value so far"
    curves = [curve for curve in comparison.curves if curve.x]
    if not curves:
        why = "An arm has no completed trial for some seed."
        return Section("curves", title, missing=[why])
    keys = dict.fromkeys((curve.task, curve.axis) for curve in curves)
    figures = [
        _figure(comparison.arms, [c for c in curves if (c.task, c.axis) == key]) for key in keys
    ]
    rows = [
        (curve.task, curve.arm, curve.axis, curve.seeds, curve.x[-1], curve.median[-1],
         f"{curve.low[-1]:.5g} to {curve.high[-1]:.5g}")
        for curve in curves
    ]  # fmt: skip
    head = ("task", "arm", "against", "seeds", "until", "median", "middle half")
    notes = ["A line is the median over the seeds, its band holds the middle half of them."]
    return Section("curves", title, notes, figures, [Table("Where the curves end", head, rows)])


def _figure(arms: Sequence[str], curves: Sequence[Curve]) -> Figure:
    """The curves of all arms on one task against one axis."""
    task, x, metric = curves[0].task, curves[0].axis, curves[0].metric
    ends = [value for curve in curves for value in (*curve.low, *curve.high)]
    frame = Frame(axis(x, [value for c in curves for value in c.x], zero=True), axis(metric, ends))
    lines, keys, told = [], [], []
    for curve in curves:
        kind = arm_class(arms.index(curve.arm))
        last = curve.x[-1]
        high, low, median = (
            steps(list(zip(curve.x, values, strict=True)), last)
            for values in (curve.high, curve.low, curve.median)
        )
        lines += [frame.band(high, low, kind), frame.line(median, kind, curve.arm)]
        keys.append((kind, "dash", f"{curve.arm}, {curve.seeds} seeds"))
        told.append(f"{curve.arm} ends at {curve.median[-1]:.5g}")
    label = f"Line chart of {metric} of {task} against {x}: {', '.join(told)}."
    return Figure(f"{task}: {metric} against {x}", frame.draw(lines, [], label), keys)


def _costs(comparison: Comparison) -> Section:
    head, rows = cost_table(comparison)
    notes = [
        "Sums over the seeds; trials that run at once train at once. Running and training are those"
        " of the search. The last columns share out the time that there were places to train in:"
        " the GPUs, or the places for trials."
    ]
    tables = [Table("Costs", head, rows)] if rows else []
    missing = [] if rows else ["No cost is known."]
    return Section("costs", "What each arm used", notes, tables=tables, missing=missing)


def _limits(comparison: Comparison) -> Section:
    notes = comparison.notes or ["Nothing that is known limits this comparison."]
    return Section("limits", "Limits", notes)


def _studies(comparison: Comparison, runs: Sequence[Run]) -> list[tuple[str, list[Section]]]:
    """The first seed of each task and arm, which no result has chosen."""
    firsts: dict[tuple[str, str], Run] = {}
    for run in sorted(runs, key=lambda run: run.study.seed):
        firsts.setdefault((run.study.task.id, run.study.arm), run)
    return [
        (f"{task}, {arm}, seed {first.study.seed}", sections_of(first))
        for task in comparison.tasks
        for arm in comparison.arms
        if (first := firsts.get((task, arm)))
    ]


def _repeat(comparison: Comparison) -> Section:
    """What it ran with and what to type to have it again."""
    tables = []
    if comparison.environment:
        rows = list(comparison.environment.items())
        tables.append(Table("Versions and machine", ("what", "value"), rows))
    if comparison.directories:
        runs = [(directory,) for directory in comparison.directories]
        tables.append(Table("Runs", ("directory",), runs, folded=True))
    missing = [] if comparison.environment else ["The journals name no versions."]
    return Section(
        "repeat",
        "Environment and commands",
        tables=tables,
        commands=comparison.commands,
        missing=missing,
    )
