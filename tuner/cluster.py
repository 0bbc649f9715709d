"""Ray, started or joined: quiet, without dashboard, with errors that say what to do."""

import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from tuner import exposure
from tuner.errors import EnvironmentFault
from tuner.progress import announce
from tuner.resources import Node

ENVIRONMENT = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}
"""Ray writes no state of its own: the journal is what a resume reads."""

KNOCK_SECONDS = 3.0


@contextmanager
def connected(address: str) -> Iterator[list[Node]]:
    """Ray at ``address`` while the block runs: its nodes.

    ``local`` starts one here, ``auto`` joins the one of ``RAY_ADDRESS`` or starts one. Raises
    ``EnvironmentFault`` if it cannot be reached, refuses the token or has another version. A Ray
    that runs already in this process is used and left running.
    """
    os.environ.update(ENVIRONMENT)
    import ray

    owned = not ray.is_initialized()
    with redirect_stdout(sys.stderr):  # Ray reports lost workers there, between our results
        if owned:
            _start(address)
        try:
            yield [
                Node(node["Resources"].get("CPU", 0), node["Resources"].get("GPU", 0))
                for node in ray.nodes()  # type: ignore[no-untyped-call]
                if node["Alive"]
            ]
        finally:
            if owned:
                ray.shutdown()


def _start(address: str) -> None:
    import ray

    target = os.environ.get("RAY_ADDRESS", "local") if address == "auto" else address
    _knock(target)
    try:
        joined = ray.init(
            address=target,
            include_dashboard=False if target == "local" else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except Exception as error:
        raise EnvironmentFault(_explain(target, error)) from None
    if target != "local" and (said := exposure.warning(target, joined.dashboard_url)):
        announce(said)


def _knock(target: str) -> None:
    """Find out in a moment what Ray takes half a minute to give up."""
    host, colon, port = target.removeprefix("ray://").rpartition(":")
    if not colon:
        return
    try:
        socket.create_connection((host, int(port)), KNOCK_SECONDS).close()
    except OSError as error:
        reason = "name unknown" if isinstance(error, socket.gaierror) else error.strerror or error
        raise EnvironmentFault(_unreachable(target, str(reason))) from None
    if target.startswith("ray://"):
        raise EnvironmentFault(
            f"--address {target}: a study keeps its journal beside its driver, which must run in"
            f" the cluster. Use `ray job submit --address http://{host}:8265 -- python -m tuner"
            " run …`."
        )


def _unreachable(target: str, reason: str) -> str:
    return (
        f"--address {target}: cannot reach Ray ({reason}). Start it with `ray start --head`, or use"
        " --address local."
    )


def _explain(target: str, error: Exception) -> str:
    text = str(error)
    if "token" in text.lower() or "401" in text or "Unauthenticated" in text:
        return (
            f"--address {target}: Ray refused the token. Set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN"
            " or RAY_AUTH_TOKEN_PATH to the cluster's."
        )
    if "Version mismatch" in text:
        return (
            f"--address {target}: its Ray differs from the one here ({text.splitlines()[0]})."
            " Install the same version on both."
        )
    reason = text.splitlines()[0] if text else repr(error)
    return (
        f"--address {target}: something answers there, but cannot be joined as a Ray ({reason})."
        " If it is one that asks for a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN or"
        " RAY_AUTH_TOKEN_PATH."
    )
