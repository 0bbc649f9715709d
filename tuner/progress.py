"""How a study stands while it runs, on stderr: a live table, or plain lines off a terminal."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from meta.study import Trial
from tuner.events import Ended, Event, FinalFit
from tuner.journal import Journal
from tuner.terminal import printable

ROWS = 12


class Progress:
    """Follows a journal: how many trials are done, which was best, how long the rest may take."""

    def __init__(self, journal: Journal, total: int) -> None:
        self._journal = journal
        self._total = total
        self._ended = 0
        self._first_end = 0.0

    def hear(self, event: Event) -> Trial | None:
        """Take in an event; the trial that it ended, if any."""
        if not isinstance(event, Ended):
            return None
        self._ended += 1
        self._first_end = self._first_end or time.monotonic()
        return self._journal.trials[event.trial]

    def headline(self) -> str:
        """Trials done, best value so far, time used and left."""
        journal, found = self._journal, self._journal.improvements
        best = f"best {journal.metric.name} {found[-1].value:.6g}" if found else "no result yet"
        return (
            f"{len(journal.ended)}/{self._total} trials, {best}, {clock(journal.elapsed_seconds)}"
            f"{self._left()}"
        )

    def line(self, trial: Trial) -> str:
        """One ended trial in one line."""
        value = "" if trial.value is None else f" {trial.value:.6g}"
        reason = f": {trial.reason.splitlines()[0]}" if trial.reason else ""
        return f"trial {trial.id} {trial.state.lower()}{value}{reason} [{self.headline()}]"

    def _left(self) -> str:
        """From the pace since the first end of this session, which workers took time to reach."""
        left = self._total - len(self._journal.ended)
        if self._ended < 2 or left <= 0:
            return ""
        pace = (time.monotonic() - self._first_end) / (self._ended - 1)
        return f", {clock(pace * left)} left"


def clock(seconds: float) -> str:
    """Seconds as ``M:SS`` or ``H:MM:SS``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def announce(text: str) -> None:
    """Say something that is no result."""
    print(printable(text), file=sys.stderr, flush=True)


@contextmanager
def shown(journal: Journal, total: int, quiet: bool) -> Iterator[None]:
    """Show the progress of ``journal`` while the block runs."""
    progress = Progress(journal, total)
    if quiet:
        yield
    elif sys.stderr.isatty():
        with _table(journal, progress):
            yield
    else:
        journal.listen(lambda event: _print(progress, event))
        yield


def show_final_fits(journal: Journal, total: int) -> None:
    """Say of each final fit what it came to and how long the rest may take; ``total`` are left."""
    began, done = time.monotonic(), 0

    def hear(event: Event) -> None:
        nonlocal done
        if not isinstance(event, FinalFit):
            return
        done += 1
        left = (time.monotonic() - began) / done * (total - done)
        rest = f", {clock(left)} left" if done < total else ""
        value = f"{journal.metric.name} {event.value:.6g} on test"
        announce(f"final fit {done} of {total}, seed {event.seed}: {value}{rest}")

    announce(f"final fits: the best configuration, trained with {total} seeds and tested")
    journal.listen(hear)


def _print(progress: Progress, event: Event) -> None:
    trial = progress.hear(event)
    if trial:
        announce(progress.line(trial))


@contextmanager
def _table(journal: Journal, progress: Progress) -> Iterator[None]:
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

    def render() -> Table:
        table = Table(title=progress.headline(), title_justify="left", box=None, pad_edge=False)
        for column in ("trial", "step", journal.metric.name, "state", "from", "why"):
            table.add_column(column, no_wrap=True, overflow="ellipsis")
        for trial in list(journal.trials.values())[-ROWS:]:
            value = "" if trial.value is None else f"{trial.value:.6g}"
            reason = trial.reason.split("\n")[0]
            state = trial.state.lower()
            table.add_row(str(trial.id), str(trial.step), value, state, trial.origin, reason)
        return table

    journal.listen(progress.hear)
    with Live(console=Console(stderr=True), get_renderable=render, refresh_per_second=4):
        yield
