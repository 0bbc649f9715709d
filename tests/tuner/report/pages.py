"""Runs built in memory, and a parser that reads a page as a browser would."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from meta.study import Study, Trial, TrialState
from tests.tuner.studies import study, trial
from tuner.events import Ended, Event, FinalFit, Finished, Measured, Started
from tuner.journal_file import Entry
from tuner.report.material import Run

VOID = {"meta", "link", "br", "img", "input", "hr"}
PAST: dict[str, Any] = {
    "points": [{"config": {"x": 0.0, "depth": 2}, "reason": "expected best", "sources": ["s1"]}],
    "sources": [{"id": "s1", "name": "toy-curve (cold, seed 1)", "related": 0.9, "trials": 20}],
    "refused": {"no loss, the study measured accuracy": 3},
    "unavailable": ["http://host:5000: connection refused"],
    "forecast": {
        "values": {"1": {"expected": 0.3, "low": 0.2, "high": 0.4}},
        "hours": {"expected": 1.0, "low": 0.5, "high": 2.0},
        "studies": 4,
        "held": 3,
        "checked": 4,
    },
}
BUDGET = {"trials": 4, "max_steps": 3, "grace_steps": 1, "reduction_factor": 3}
HEADER: dict[str, Any] = {
    "config": {"budget": BUDGET, "seed": 0, "synthetic": False},
    "command": "tuner run toy-curve --seed 0",
    "versions": {"warmtune": "0.1", "ray": "2.60.0"},
    "past": {**PAST, "sources": []},
}
TRIALS = (
    trial(0, TrialState.COMPLETED, 0.9, 0.5, 0.25),
    trial(1, TrialState.STOPPED, 0.8),
    trial(2, TrialState.FAILED),
    trial(3, TrialState.COMPLETED, 0.7, 0.3, 0.2),
)


def run(
    *trials: Trial, header: dict[str, Any] = HEADER, ends: tuple[Event, ...] = (), **changes: Any
) -> Run:
    """A run in which ``trials`` happened one after the other, one event a second."""
    events: list[Event] = []
    for item in trials:
        events.append(Started(item.id, item.config, item.origin, item.seed))
        events += [Measured(item.id, measurement) for measurement in item.measurements]
        if item.state is not TrialState.RUNNING:
            events.append(Ended(item.id, item.state, item.reason, item.seconds))
    entries = [Entry(n, event, float(n), 1e9 + n) for n, event in enumerate([*events, *ends], 1)]
    ran: Study = study(**changes).with_trials(trials)
    return Run(Path("runs/one"), ran, header, entries)


def finished_run() -> Run:
    """A run to its end, its final fit included."""
    config = dict(TRIALS[3].config)
    return run(*TRIALS, ends=(Finished("all trials done"), FinalFit(config, 0.22, {}, 0.5)))


class Page(HTMLParser):
    """Every element with its attributes, and the text; raises where elements are not nested."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"{tag}: an attribute is given twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        """All text, blanks made single."""
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of each element ``tag``."""
        return [attributes for name, attributes in self.elements if name == tag]
