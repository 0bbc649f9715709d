"""Ray, started or joined: quiet, without dashboard, with errors that say what to do."""

import logging
import os
import socket
import sys
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, redirect_stdout
from dataclasses import replace
from types import TracebackType
from typing import Any

from tuner import exposure, mps
from tuner.config import Resources
from tuner.errors import EnvironmentFault
from tuner.progress import announce
from tuner.resources import Node, gpu_memory, this_machine

ENVIRONMENT = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_maximum_gcs_destroyed_actor_cached_count": "1000",
    "RAY_task_events_max_num_task_in_gcs": "1000",
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
}
"""Ray writes no state of its own: the journal is what a resume reads. It remembers the last 1,000
workers and tasks instead of 100,000, at 15 KB for each trial. GPUs have NVML's numbers."""

KNOCK_SECONDS = 3.0
START_ATTEMPTS = 3


class Cluster:
    """Ray at an address, started or joined in the background: ``start`` returns at once.

    ``local`` starts one here, ``auto`` joins the one of ``RAY_ADDRESS`` or starts one. A Ray that
    runs already in this process is used and left running. ``mps`` says whether NVIDIA's MPS serves
    the GPUs of one that is started here (empty: there are none). Inside ``with``, what Ray prints
    goes to stderr, and at the end a Ray that was started here is ended.
    """

    def __init__(self, address: str) -> None:
        self.mps = ""
        self._address = address
        self._starting: Future[None] | None = None
        # Ray's processes die with the thread that forked them, so it lives as long as they shall.
        self._thread = ThreadPoolExecutor(1, "ray")
        self._exits = ExitStack()

    def __enter__(self) -> "Cluster":
        self._exits.callback(self._thread.shutdown)
        self._exits.enter_context(redirect_stdout(sys.stderr))  # Ray reports lost workers there
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exits.close()

    def start(self) -> None:
        """Begin to start or join Ray; raises ``EnvironmentFault`` if nothing listens there."""
        if self._starting:
            return
        os.environ.update(ENVIRONMENT)
        import ray

        if ray.is_initialized():
            self._starting = Future()
            self._starting.set_result(None)
            return
        given = self._address
        target = os.environ.get("RAY_ADDRESS", "local") if given == "auto" else given
        _knock(target)
        if target == "local":
            self.mps = self._exits.enter_context(mps.served(this_machine().gpus > 0))
        self._exits.callback(ray.shutdown)
        self._starting = self._thread.submit(join, target)
        self._exits.callback(wait, [self._starting])

    @property
    def nodes(self) -> list[Node]:
        """The machines of the cluster, when it is there.

        Raises ``EnvironmentFault`` if it cannot be reached, refuses the token or has another
        version.
        """
        self._wait()
        import ray

        return [
            Node(
                node["Resources"].get("CPU", 0),
                node["Resources"].get("GPU", 0),
                id=node["NodeID"],
            )
            for node in ray.nodes()  # type: ignore[no-untyped-call]
            if node["Alive"]
        ]

    @property
    def lifelines(self) -> tuple[tuple[str, int], tuple[str, int]]:
        """Where the raylet of this machine and the head of the cluster listen; raises as above."""
        self._wait()
        import ray

        here = ray.get_runtime_context()
        (mine,) = (
            (str(node["NodeManagerAddress"]), int(node["NodeManagerPort"]))
            for node in ray.nodes()  # type: ignore[no-untyped-call]
            if node["NodeID"] == here.get_node_id()
        )
        host, _, port = here.gcs_address.rpartition(":")
        return mine, (host.strip("[]"), int(port))

    def _wait(self) -> None:
        self.start()
        assert self._starting
        self._starting.result()

    def machines(self, resources: Resources) -> list[Node]:
        """The nodes, with the memory of their GPUs where trials may use these; raises as above."""
        nodes = self.nodes
        if resources.gpu == 0 or not any(node.gpus for node in nodes):
            return nodes
        return _with_gpu_memory(nodes)


def _with_gpu_memory(nodes: list[Node]) -> list[Node]:
    """The memory and the name of the GPUs of each node, asked of NVML there."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    asking = ray.remote(gpu_memory)
    there = [
        asking.options(
            num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False)
        ).remote()
        for node in nodes
    ]
    answers = zip(nodes, ray.get(there), strict=True)
    return [replace(node, gpu_bytes=bytes, gpu_name=name) for node, (bytes, name) in answers]


def join(target: str, **settings: Any) -> None:
    """Start a Ray here (``local``) or join the one at ``HOST:PORT``; ``settings`` go to Ray.

    Raises ``EnvironmentFault`` if that fails. A start is tried again, because on a busy machine
    Ray's processes give up waiting for each other after 15 seconds.
    """
    import ray

    for attempt in range(1, START_ATTEMPTS + 1):
        try:
            joined = ray.init(
                address=target,
                include_dashboard=False if target == "local" else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
                **settings,
            )
            break
        except Exception as error:
            ray.shutdown()
            if target != "local" or attempt == START_ATTEMPTS:
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
    if target == "local":
        return (
            f"--address local: Ray could not be started here ({reason}). Try again when the machine"
            " is less busy; `tuner doctor` checks what Ray needs."
        )
    return (
        f"--address {target}: something answers there, but cannot be joined as a Ray ({reason})."
        " If it is one that asks for a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN or"
        " RAY_AUTH_TOKEN_PATH."
    )
