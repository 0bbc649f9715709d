"""What befalls the driver and the Ray under it: studies in processes of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks.faults.journal import Figures, unwritable_directory
from benchmarks.faults.trials import one_ray
from meta.study import Study
from tests.faults.kills import Victim, assert_as_if_nothing_had_happened, kill_again_and_again
from tests.faults.test_kills import child
from tests.tuner.test_driver import SLOW_YAML, start, wait_for_trials
from tuner.config import RunOptions
from tuner.driver import resume
from tuner.journal import Journal

KILLS, TRIALS_A_KILL = int(os.environ.get("KILLS", "100")), 8
SEED = 0
TRIALS = 16
"""Those of ``SLOW_YAML``."""
LOSSES = {
    "CoreWorkerService.grpc_client.PushTask": 5,
    "NodeManagerService.grpc_client.RequestWorkerLease": 5,
    "CoreWorkerService.grpc_client.GetObjectStatus": 20,
}
"""How many of these calls between Ray's processes are lost at the most, a quarter of those made."""
DELAYS = {call.replace("client", "server"): "1000:20000" for call in LOSSES}
"""The same calls are answered 1 to 20 ms late; where all of Ray's are, it does not start."""


def random_kills(folder: Path) -> Figures:
    import ray

    with one_ray():
        trials = KILLS * TRIALS_A_KILL
        victim = Victim(folder, ray.get_runtime_context().gcs_address, trials)
        toll = kill_again_and_again(victim, KILLS, SEED)
    assert_as_if_nothing_had_happened(victim.study, trials)
    return {
        "kills": toll.kills,
        "acknowledged events lost": toll.lost,
        "trials cut off": toll.interrupted,
        "of": trials,
        "trials lost or there twice": trials - len(victim.study.trials),
        "s until a resumed study went on (median)": round(median(toll.seconds), 1),
        "at most": round(max(toll.seconds), 1),
    }


def _store(folder: Path) -> str:
    return f"sqlite:///{folder / 'mlflow.db'}"


def _resumed(out: Path) -> Study:
    with one_ray():
        return resume(out, RunOptions(quiet=True, finalize=False)).study


def signals(folder: Path) -> Figures:
    """Each signal in the midst of a study, whose journal must open afterwards."""
    figures: Figures = {}
    for number in (signal.SIGTERM, signal.SIGINT):
        place = folder / number.name
        place.mkdir()
        process, out = start(place, _store(folder), "--no-history", "--no-finalize")
        wait_for_trials(out, 4, process)
        began = time.monotonic()
        process.send_signal(number)
        process.communicate(timeout=60)
        figures[f"{number.name}: exit code"] = process.returncode
        figures[f"{number.name}: s to exit"] = round(time.monotonic() - began, 1)
        Journal.open(out).close()
    figures["trials after a resume"] = f"{len(_resumed(out).trials)} of {TRIALS}"
    return figures


def lost_ray(folder: Path) -> Figures:
    figures: Figures = {}
    for name, program in (("raylet", "raylet/raylet"), ("head", "gcs/gcs_server")):
        place = folder / name
        place.mkdir()
        process, out = start(place, _store(folder), "--no-history", "--no-finalize")
        wait_for_trials(out, 4, process)
        began = time.monotonic()
        os.kill(child(process.pid, program), signal.SIGKILL)
        _, said = process.communicate(timeout=120)
        figures[f"{name} killed: exit code"] = process.returncode
        figures[f"{name} killed: s to the message"] = round(time.monotonic() - began, 1)
        figures[f"{name} killed: names the way out"] = f"`tuner resume {out}`" in said
    figures["trials after a resume"] = f"{len(_resumed(out).trials)} of {TRIALS}"
    return figures


def lost_directory(folder: Path) -> Figures:
    """A run directory that cannot be made, and one that is moved away amid a study."""
    figures = unwritable_directory(folder)
    process, out = start(folder, _store(folder), "--no-history", "--no-finalize")
    wait_for_trials(out, 4, process)
    began = time.monotonic()
    out.rename(folder / "elsewhere")
    process.communicate(timeout=60)
    figures["exit code where it is moved amid a study"] = process.returncode
    figures["s to exit then"] = round(time.monotonic() - began, 1)
    for left in sorted(out.rglob("*"), reverse=True) if out.exists() else ():
        left.rmdir() if left.is_dir() else left.unlink()
    if out.exists():
        out.rmdir()
    (folder / "elsewhere").rename(out)
    figures["trials after a resume"] = f"{len(_resumed(out).trials)} of {TRIALS}"
    return figures


def bad_network(folder: Path) -> Figures:
    """The same study undisturbed, with calls lost, and with calls late; one trial at a time, for
    what is proposed depends on which of several ends first."""
    losses = {
        method: {"num_failures": most, "req_failure_prob": 13, "resp_failure_prob": 12}
        for method, most in LOSSES.items()
    }
    delays = ",".join(f"{call}={microseconds}" for call, microseconds in DELAYS.items())
    outcomes = [
        _timed(folder / "undisturbed", {}),
        _timed(folder / "lost", {"RAY_testing_rpc_failure": json.dumps(losses)}),
        _timed(folder / "late", {"RAY_testing_asio_delay_us": delays}),
    ]
    (plain, whole), (lost, with_losses), (late, with_delays) = outcomes
    return {
        "s undisturbed": round(plain, 1),
        "more with calls lost": f"{lost / plain - 1:.0%}",
        "with calls late by up to 20 ms": f"{late / plain - 1:.0%}",
        "the same best": len({s.best and s.best.id for _, s in outcomes}) == 1,
        "the same trials": _outcome(whole) == _outcome(with_losses) == _outcome(with_delays),
    }


def _outcome(study: Study) -> list[object]:
    return [(t.id, t.config, t.state, t.value) for t in study.trials]


def _timed(folder: Path, environment: dict[str, str]) -> tuple[float, Study]:
    folder.mkdir()
    (folder / "slow.yaml").write_text(SLOW_YAML)
    command = [sys.executable, "-m", "tuner", "run", str(folder / "slow.yaml"), "--quiet"]
    command += ["--out", str(folder / "run"), "--no-history", "--no-finalize"]
    command += ["--address", "local", "--tracking-uri", _store(folder), "--concurrency", "1"]
    began = time.monotonic()
    subprocess.run(command, env={**os.environ, **environment}, check=True)
    seconds = time.monotonic() - began
    log = Journal.open(folder / "run")
    log.close()
    return seconds, log.study
