"""Whether a Ray lets anybody in, and when that is said."""

import pytest

from tests.tuner.tracking.servers import answering
from tuner.exposure import warning

OUTSIDE = "10.1.2.3:6379"


@pytest.mark.parametrize("address", ["127.0.0.1:6379", "127.9.9.9:1", "[::1]:6379", "localhost:1"])
def test_over_loopback_nothing_is_asked_and_nothing_said(address: str) -> None:
    assert warning(address, None) is None


@pytest.mark.parametrize("status", [401, 403])
def test_a_cluster_that_asks_for_a_token_is_no_danger(status: int) -> None:
    with answering(status) as uri:
        assert warning(OUTSIDE, uri.removeprefix("http://")) is None


def test_a_cluster_that_answers_anybody_is_warned_of_though_we_have_a_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    with answering(200, b"{}") as uri:
        said = warning(OUTSIDE, uri.removeprefix("http://"))
    assert said is not None
    assert said.startswith(f"WARNING: the Ray at {OUTSIDE} asks for no token")
    assert "RAY_AUTH_MODE=token" in said


@pytest.mark.parametrize("dashboard", [None, "", "127.0.0.1:9", "no number:x"])
def test_without_a_dashboard_it_counts_whether_a_token_was_sent(
    dashboard: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    assert warning(OUTSIDE, dashboard)
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    assert warning(OUTSIDE, dashboard) is None


def test_a_name_of_a_host_is_not_taken_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    assert warning("localhost.evil.example:6379", None)
