"""Copies the journal of a study to MLflow while it runs, in a thread that disturbs nobody."""

import threading
from contextlib import closing
from pathlib import Path

from tuner.home import redact
from tuner.tracking.projection import Projection
from tuner.tracking.store import reason

POLL_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
LAST_TRIES = 3


class Projector:
    """Keeps MLflow up to the journal of a study, as far as MLflow lets it.

    ``problem`` is the last error, None while all is well; ``model`` the URI of the study's
    registered final model.
    Start it after the imports of the main thread: MLflow's own take seconds.
    """

    def __init__(self, directory: Path, uri: str, experiment: str) -> None:
        self.problem: str | None = None
        self.model: str | None = None
        self._directory = directory
        self._uri = uri
        self._experiment = experiment
        self._closing = threading.Event()
        self._abandoned = threading.Event()
        self._thread = threading.Thread(target=self._work, name="mlflow", daemon=True)

    def start(self) -> None:
        """Begin, in the background."""
        self._thread.start()

    def finish(self, timeout_seconds: float) -> bool:
        """Send what is left and close the runs; False if that did not succeed in time."""
        self._closing.set()
        self._thread.join(timeout_seconds)
        self._abandoned.set()
        if not self._thread.is_alive() and self.problem is None:
            return True
        why = self.problem or f"not done within {timeout_seconds:g} s"
        self.problem = (
            f"{redact(self._uri)} is behind: {why}."
            f" `tuner resume {self._directory}` sends what is missing"
        )
        return False

    def _work(self) -> None:
        try:
            with closing(Projection(self._directory, self._uri, self._experiment)) as projection:
                self._follow(projection)
        except Exception as error:
            self.problem = reason(error)

    def _follow(self, projection: Projection) -> None:
        failures = 0
        while not self._closing.is_set():
            failures = 0 if self._update(projection) else failures + 1
            self._closing.wait(min(POLL_SECONDS * 2**failures, LONGEST_PAUSE_SECONDS))
        for attempt in range(LAST_TRIES):
            if self._update(projection, last=True) or self._abandoned.wait(2**attempt):
                return

    def _update(self, projection: Projection, last: bool = False) -> bool:
        try:
            projection.update(last)
        except Exception as error:
            self.problem = reason(error)
            return False
        self.model = projection.model
        self.problem = next(iter(projection.refused.values()), None)
        return True
