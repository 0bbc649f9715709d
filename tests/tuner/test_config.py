import json
from dataclasses import replace
from pathlib import Path

from tests.tuner.configs import LEAST, WHOLE, write
from tuner.config import Budget, StudyConfig
from tuner.config_reader import load


def test_a_config_survives_json_and_keeps_its_fingerprint(tmp_path: Path) -> None:
    for text in (WHOLE, LEAST):
        config = load(write(tmp_path, text))
        again = StudyConfig.from_json(json.loads(json.dumps(config.to_json(), allow_nan=False)))
        assert again == config
        assert again.fingerprint == config.fingerprint


def test_configs_that_differ_have_different_fingerprints(tmp_path: Path) -> None:
    config = load(write(tmp_path, WHOLE))
    assert replace(config, seed=1).fingerprint != config.fingerprint
    assert replace(config, budget=Budget()).fingerprint != config.fingerprint
