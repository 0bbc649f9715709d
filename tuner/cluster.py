"""Ray, started or joined: quiet, without dashboard, with errors that say what to do."""

import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from tuner.errors import EnvironmentFault
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
    _refuse_client(target)
    try:
        ray.init(
            address=target,
            include_dashboard=False if target == "local" else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except Exception as error:
        raise EnvironmentFault(_explain(target, error)) from None


def _refuse_client(target: str) -> None:
    if not target.startswith("ray://"):
        return
    host = target.removeprefix("ray://").rpartition(":")[0]
    try:
        socket.getaddrinfo(host, None)
    except socket.gaierror:
        raise EnvironmentFault(
            f"--address {target}: cannot reach Ray: name unknown. Start it with `ray start --head`,"
            " or use --address local."
        ) from None
    raise EnvironmentFault(
        f"--address {target}: a study keeps its journal beside its driver, which must run in the"
        f" cluster. Use `ray job submit --address http://{host}:8265 -- python -m tuner run …`."
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
    return (
        f"--address {target}: cannot reach Ray ({text.splitlines()[0] if text else error!r})."
        " Start it with `ray start --head`, or use --address local."
    )
