"""The parameters: which values were good, and how much each matters."""

from collections.abc import Sequence
from itertools import islice

import numpy as np
from markupsafe import Markup

from meta.encoding import Encoding
from meta.importance import Importance, past_importance, study_importance
from meta.space import Categorical, Parameter
from meta.study import Trial
from tuner.errors import RunDirectoryError
from tuner.report.axes import number, place_value
from tuner.report.curves import drawn
from tuner.report.markup import element, joined
from tuner.report.material import Run
from tuner.report.plot import SPAN, bars, figure
from tuner.report.section import Figure, Section, Table

ROW = 64
"""The pixels from one axis to the next."""
TOP = 26
DENSE = 200
"""From so many lines on they are drawn thin."""
GRADES = 5
"""So many colours from the worst to the best."""


def coordinates(run: Run) -> Section:
    """Parallel coordinates, an axis a line, so that long names and many parameters have room."""
    title = "Good and bad configurations"
    measured = [trial for trial in drawn(run) if trial.measurements]
    if len(measured) < 2:
        return Section("coordinates", title, missing=["Fewer than two trials measured anything."])
    ranked = sorted(
        measured, key=lambda trial: -run.study.metric.loss(trial.measurements[-1].value)
    )
    space = run.study.space.parameters
    lines = [
        _line(trial, space, GRADES * place // len(ranked)) for place, trial in enumerate(ranked)
    ]
    height = TOP + ROW * (len(space) - 1) + 30
    stretched = element(
        "svg", *lines, viewBox=f"0 0 {SPAN} {height}", preserveAspectRatio="none",
        width="100%", height=height, class_="stretched",
    )  # fmt: skip
    axes = [
        _axis(name, item, TOP + ROW * place) for place, (name, item) in enumerate(space.items())
    ]
    label = (
        f"Parallel coordinates of {len(measured)} trials over {', '.join(islice(space, 20))}."
        f" {_best_fifth(ranked, space)}"
    )
    keys = [("grade4", "dash", "best fifth"), ("grade0", "dash", "worst fifth")]
    drawing = figure(height, label, stretched, *axes)
    notes = [
        "Each line is one trial and crosses each parameter at its value; the table of all trials"
        " has the numbers. Stopped trials count with their last value.",
        _best_fifth(ranked, space),
    ]
    kind = "rows dense" if len(lines) >= DENSE else "rows"
    figures = [Figure("Parallel coordinates", drawing, keys, kind)]
    return Section("coordinates", title, notes, figures)


def _line(trial: Trial, space: dict[str, Parameter], grade: int) -> Markup:
    places = ((row, place_value(item, trial.config.get(name)))
              for row, (name, item) in enumerate(space.items()))  # fmt: skip
    path = " ".join(
        f"{SPAN * place:.0f},{TOP + ROW * row}" for row, place in places if place is not None
    )
    title = f"trial {trial.id}: {trial.value:.6g}"
    kind = f"line grade{grade}"
    return element("polyline", element("title", title), points=Markup(path), class_=kind)


def _axis(name: str, parameter: Parameter, y: int) -> Markup:
    if isinstance(parameter, Categorical):
        low, high = str(parameter.choices[0]), str(parameter.choices[-1])
    else:
        low, high = number(parameter.low), number(parameter.high)
    log = not isinstance(parameter, Categorical) and parameter.log
    return joined(
        element("line", x1=0, x2="100%", y1=y, y2=y, class_="axis"),
        element(
            "text", name + (" (log)" if log else ""), x="50%", y=y - 8, class_="name halo middle"
        ),
        element("text", low, x=0, y=y + 17, class_="halo"),
        element("text", high, x="100%", y=y + 17, class_="halo end"),
    )


def _best_fifth(ranked: Sequence[Trial], space: dict[str, Parameter]) -> str:
    """Where the best fifth lies, in words."""
    best = ranked[-max(len(ranked) // GRADES, 1) :]
    words = []
    for name, parameter in islice(space.items(), 8):
        values = [trial.config[name] for trial in best if name in trial.config]
        if isinstance(parameter, Categorical) or not values:
            continue
        low, high = np.quantile([float(value) for value in values], (0.1, 0.9), method="nearest")
        words.append(f"{name} {number(float(low))} to {number(float(high))}")
    return f"Most of the best fifth have {', '.join(words)}." if words else ""


def importance(run: Run) -> Section:
    """How much of the loss's variance each parameter explains, by the study and by its past."""
    title = "Importance of the parameters"
    missing: list[str] = []
    own, past = _own(run, missing), _past(run, missing)
    found = {"this study": own, "its past": past}
    known = {who: shares for who, shares in found.items() if shares}
    if not known:
        return Section("importance", title, missing=missing)
    first = own or past
    assert first is not None
    order = sorted(first, key=lambda name: -first[name].total)
    head = ("parameter", *(f"{who}, {what}" for who in known for what in ("alone", "in all")))
    rows = [
        (name, *(f"{share:.0%}" for shares in known.values()
                 for share in (shares[name].alone, shares[name].total)))
        for name in order
    ]  # fmt: skip
    notes = [
        "The share of the variance over the whole search space that a parameter explains alone,"
        " and with its interactions, by what the surrogate predicts (functional ANOVA)."
    ]
    figures = [_chart(who, shares, order) for who, shares in known.items()]
    return Section(
        "importance", title, notes, figures, [Table("Importance", head, rows)], missing=missing
    )


def _own(run: Run, missing: list[str]) -> dict[str, Importance] | None:
    own = study_importance(run.study)
    if own is None:
        missing.append("The trials of this study are too few, or too equal, to tell.")
    return own


def _past(run: Run, missing: list[str]) -> dict[str, Importance] | None:
    try:
        prior = run.prior()
    except RunDirectoryError as error:
        missing.append(str(error))
        return None
    if prior is None:
        missing.append("There is no past to ask: this study learned from none.")
        return None
    return past_importance(prior, Encoding(run.study.space))


def _chart(who: str, shares: dict[str, Importance], order: Sequence[str]) -> Figure:
    rows = []
    for name in order:
        share = shares[name]
        rest = share.total - share.alone
        rows.append((f"{name}  {share.total:.0%}", [
            ("strong", share.alone, f"{name} alone: {share.alone:.0%}"),
            ("weak", rest, f"{name} in interactions: {rest:.0%}"),
        ]))  # fmt: skip
    told = ", ".join(f"{name} {shares[name].total:.0%}" for name in islice(order, 20))
    keys = [("strong", "square", "alone"), ("weak", "square", "in interactions")]
    label = f"Bars of the importance of each parameter by {who}: {told}."
    return Figure(f"By {who}", bars(rows, label), keys, "rows")
