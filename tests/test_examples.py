"""The example of a user's own model runs as the page shows it."""

from dataclasses import replace
from pathlib import Path

import pytest

from tuner.config import RunOptions, Tracking
from tuner.config_reader import Override, load
from tuner.driver import run

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLES = DOCS / "examples"


@pytest.mark.ray
@pytest.mark.usefixtures("ray_cluster")
def test_the_example_learns_digits(mlflow_store: str) -> None:
    config = load(
        str(EXAMPLES / "digits-svm.yaml"), [Override("budget.trials", "6")], allow_code=True
    )
    config = replace(config, tracking=Tracking(mlflow_store, "example"))
    report = run(config, RunOptions(quiet=True, use_history=False))
    assert len(report.study.trials) == 6
    assert report.tested is not None
    assert report.tested.value > 0.95


def test_the_page_shows_the_files_as_they_are() -> None:
    page = (DOCS / "your-own.md").read_text()
    yaml = (EXAMPLES / "digits-svm.yaml").read_text().split("\n", 1)[1]
    assert f"```yaml\n{yaml}```" in page
    code = (EXAMPLES / "digits_svm.py").read_text()
    assert f"```python\n{code}```" in page
