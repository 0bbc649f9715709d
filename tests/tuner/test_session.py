"""One stretch of work on a study."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from meta.study import Task
from tests.tuner.studies import METRIC, SPACE, journal
from tuner import session as module
from tuner.cluster import Cluster
from tuner.config import StudyConfig
from tuner.journal import Journal
from tuner.resources import Node

CONFIG = StudyConfig(Task("toy", "curve"), "toy", METRIC, SPACE)


class Stand:
    """In place of a cluster of one machine."""

    lifelines = (("127.0.0.1", 1), ("127.0.0.1", 1))
    mps = ""

    def machines(self, resources: object) -> list[Node]:
        return [Node(2, 0)]


def test_what_passes_before_a_session_is_no_time_of_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading the data and starting Ray, which a new study does before it has a journal."""
    monkeypatch.setitem(sys.modules, "ray", cast(Any, SimpleNamespace(put=lambda data: data)))
    journal(tmp_path).close()
    log = Journal.open(tmp_path)
    log._began -= 1000
    with module.session(log, CONFIG, cast(Cluster, Stand()), "data"):
        assert log.seconds < 100
    log.close()
