import json
from pathlib import Path

from tests.tuner.configs import LEAST, WHOLE, write
from tuner.config import StudyConfig
from tuner.config_reader import load


def test_a_config_survives_json(tmp_path: Path) -> None:
    for text in (WHOLE, LEAST):
        config = load(write(tmp_path, text))
        text = json.dumps(config.to_json(), allow_nan=False)
        assert StudyConfig.from_json(json.loads(text)) == config
