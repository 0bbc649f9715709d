"""Reaching Ray, and what is said when it cannot be reached."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tests.tuner.tracking.servers import answering
from tuner.cluster import Cluster, _explain, join


@pytest.fixture
def port() -> Iterator[int]:
    """A port on which something listens that is no Ray."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def why_refused(address: str) -> str:
    """What a process without a Ray of its own is told."""
    code = f"from tuner.cluster import Cluster\nwith Cluster({address!r}) as ray: ray.nodes"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return run.stderr.splitlines()[-1]


def test_an_unknown_name_is_told_at_once() -> None:
    told = why_refused("ray://nohost.invalid:10001")
    assert "cannot reach Ray (name unknown). Start it with `ray start --head`" in told


def test_a_closed_port_is_told_at_once() -> None:
    assert "127.0.0.1:1: cannot reach Ray (Connection refused)" in why_refused("127.0.0.1:1")


def test_rays_client_cannot_run_a_study(port: int) -> None:
    told = why_refused(f"ray://127.0.0.1:{port}")
    assert "Use `ray job submit --address http://127.0.0.1:8265 -- python -m tuner run" in told


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ConnectionError("401 Missing authentication token"), "Set RAY_AUTH_MODE=token and"),
        (RuntimeError("Version mismatch: The cluster was started with\nRay: 2.55"), "differs"),
        (ConnectionError("refused"), r"joined as a Ray \(refused\)\. .* RAY_AUTH_MODE=token"),
        (TimeoutError(), "joined as a Ray"),
    ],
)
def test_each_way_to_fail_has_its_way_out(error: Exception, message: str) -> None:
    assert re.search(message, _explain("host:6379", error))


def test_a_ray_that_does_not_start_here_is_no_question_of_tokens() -> None:
    told = _explain("local", RuntimeError("The current node timed out during startup."))
    assert "could not be started here (The current node timed out" in told
    assert "token" not in told


def test_a_start_that_fails_on_a_busy_machine_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import ray

    failures = iter([RuntimeError("timed out"), RuntimeError("timed out"), None])
    calls = []

    def init(**settings: object) -> None:
        calls.append(settings["address"])
        if failure := next(failures):
            raise failure

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda: calls.append("shutdown"))
    join("local")
    assert calls == ["local", "shutdown", "local", "shutdown", "local"]


def test_who_joins_a_ray_that_asks_for_no_token_is_warned_and_who_starts_one_here_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import ray

    with answering(200, b"{}") as uri:
        joined = SimpleNamespace(dashboard_url=uri.removeprefix("http://"))
        monkeypatch.setattr(ray, "init", lambda **_: joined)
        join("local")
        assert capsys.readouterr().err == ""
        join("10.1.2.3:6379")
    assert "WARNING: the Ray at 10.1.2.3:6379 asks for no token" in capsys.readouterr().err


@pytest.mark.ray
@pytest.mark.usefixtures("ray_cluster")
def test_a_running_ray_is_used_and_left_running(capsys: pytest.CaptureFixture[str]) -> None:
    import ray

    with Cluster("local") as cluster:
        print("from a library")
        assert [node.cpus for node in cluster.nodes] == [2]
    assert ray.is_initialized()
    assert capsys.readouterr() == ("", "from a library\n")
