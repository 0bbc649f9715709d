"""Studies in an MLflow server whose store is a real PostgreSQL, started as the image does."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sources import ROOT
from tests.tuner.tracking.journals import ending, eventful, write_journal
from tests.tuner.tracking.postgresql import mlflow_server, postgresql, programs
from tuner.cli import main
from tuner.tracking import read_studies

SCRIPT = ROOT / "docker" / "mlflow-server"
WRITERS = 2
WRITE = """import sys
from pathlib import Path
from tuner.tracking import Projector
projector = Projector(Path(sys.argv[1]), sys.argv[2], "many")
projector.start()
sys.exit(0 if projector.finish(200) else projector.problem)
"""

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    bin = programs()
    if bin is None:
        pytest.skip("no PostgreSQL here; Debian's package is called postgresql")
    folder = tmp_path_factory.mktemp("mlflow")
    with (
        postgresql(bin) as (database, password),
        mlflow_server(SCRIPT, folder, database, password) as uri,
    ):
        yield uri


def test_writers_at_the_same_time_lose_nothing_and_mix_nothing(server: str, tmp_path: Path) -> None:
    names = [f"study-{n}" for n in range(WRITERS)]
    journals = [write_journal(tmp_path / name, [*eventful(), *ending()], name) for name in names]
    command = [sys.executable, "-c", WRITE]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    writers = [
        subprocess.Popen([*command, str(tmp_path / name), server], env=environment)
        for name in names
    ]
    assert [writer.wait(300) for writer in writers] == [0] * WRITERS
    found = sorted(read_studies(server, "many").studies, key=lambda past: past.id)
    assert found == [journal.study for journal in journals]


@pytest.mark.usefixtures("ray_cluster")
def test_a_study_and_its_model_come_into_it_and_the_next_one_learns_from_there(
    server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["run", "toy-curve", "--tracking-uri", server, "--no-starter", "--quiet", "--trials", "4"]
    assert main(run) == 0
    (past,) = read_studies(server, "warmtune").studies
    assert len(past.trials) == 4
    assert "models:/toy-curve/1 in MLflow" in capsys.readouterr().out
    assert main(["plan", "toy-curve", "--tracking-uri", server, "--no-starter"]) == 0
    assert "1 studies to learn from" in "".join(capsys.readouterr())
