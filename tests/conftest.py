"""What all tests share: a state of their own, and the data that lie beside the checkout."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy: threads that wait for each other cost most


@pytest.fixture(scope="session", autouse=True)
def _no_outside_service() -> Iterator[None]:
    """No test reaches the server, the cluster or the data of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS", "TUNER_DATA"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty ``$TUNER_HOME``; no test touches the user's."""
    path = tmp_path / "home"
    monkeypatch.setenv("TUNER_HOME", str(path))
    return path


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of real data and past studies; a test that needs it is skipped without it."""
    path = Path(os.environ.get("WARMTUNE_SHARED", ROOT.parent / "shared"))
    if not path.is_dir():
        pytest.skip(f"no shared data in {path}; $WARMTUNE_SHARED says where they are")
    return path


@pytest.fixture(scope="session")
def _ray_ends() -> Iterator[None]:
    yield
    import ray

    ray.shutdown()


@pytest.fixture
def ray_cluster(_ray_ends: None) -> None:
    """One Ray of two CPUs that stays for the whole session: drivers use it and leave it running."""
    import ray

    from tuner.cluster import ENVIRONMENT, join

    if not ray.is_initialized():
        os.environ.update(ENVIRONMENT)
        join("local", num_cpus=2)


@pytest.fixture(scope="session")
def mlflow_store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of one SQLite store for the whole session: making it takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"
