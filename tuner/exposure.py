"""Whether a Ray that was joined takes work from anybody who can reach it."""

import os
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address

from tuner.home import redact

TIMEOUT_SECONDS = 3.0
ASKING = (401, 403)


def warning(address: str, dashboard: str | None) -> str | None:
    """What to say of a Ray joined at ``address`` whose dashboard is at ``dashboard`` (HOST:PORT).

    None where it is reached over loopback only, or asks for a token.
    """
    host = address.removeprefix("ray://").rpartition(":")[0]
    if _is_loopback(host) or _asks(dashboard):
        return None
    return (
        f"WARNING: the Ray at {redact(address)} asks for no token. Whoever reaches it runs any"
        " program on its machines. Restart it with RAY_AUTH_MODE=token (docs/cluster.md), or keep"
        " its ports from everybody else."
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host in {"", "localhost"}


def _asks(dashboard: str | None) -> bool:
    """Whether a request without a token is turned away; without a dashboard, whether we sent one.

    A client that has a token is let in by a cluster that wants none, too.
    """
    try:
        connection = HTTPConnection(dashboard or "", timeout=TIMEOUT_SECONDS)
        connection.request("GET", "/api/version")
        return connection.getresponse().status in ASKING
    except (OSError, HTTPException):
        return os.environ.get("RAY_AUTH_MODE") == "token"
