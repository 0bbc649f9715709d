from types import SimpleNamespace

import pytest

from meta.space import Float, SearchSpace
from meta.study import Metric, Study, Task
from tuner.tracking import read_studies, reader
from tuner.tracking.records import STUDY, write_record


def test_a_past_study_is_dated_by_the_start_of_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    space, metric = SearchSpace({"x": Float(0, 1)}), Metric("value", "min")
    study = Study("abc", Task("toy", "curve"), space, metric, 7, "warm")
    tags = {STUDY: "abc", **write_record(study.to_json())}
    run = SimpleNamespace(
        data=SimpleNamespace(tags=tags), info=SimpleNamespace(start_time=1_234_567)
    )
    experiment = SimpleNamespace(experiment_id="1", lifecycle_stage="active")
    client = SimpleNamespace(get_experiment_by_name=lambda name: experiment)
    monkeypatch.setattr(reader, "connect", lambda uri: client)
    monkeypatch.setattr(reader, "find_runs", lambda *_: iter([run]))
    past = read_studies("http://mlflow", "warmtune")
    assert past.studies == (study,)
    assert past.started == {"abc": 1234.567}
