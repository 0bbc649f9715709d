"""What ``docker/`` promises: nobody is root, nothing is open, state outlives its containers.

There is no container engine in the tests. They read the files, and run the scripts of the image.
"""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import tuner
from tests.sources import PACKAGES, ROOT

DOCKER = ROOT / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
STEPS = re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", DOCKERFILE)).splitlines()
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OWN = ("secrets", "ray", "mlflow")
JOB = yaml.safe_load((DOCKER / "rayjob.yaml").read_text())["spec"]


def arguments(instruction: str) -> list[str]:
    words = (step.split(maxsplit=1) for step in STEPS if step)
    return [rest for word, rest in words if word == instruction]


def run(script: str, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    surroundings = {"PATH": os.environ["PATH"], "HOME": "/nowhere", **environment}
    command = [str(DOCKER / script), *words]
    return subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=60)


def test_the_image_starts_as_nobody_in_particular() -> None:
    assert arguments("USER")[-1] == "10001:10001"
    assert not [step for step in STEPS if "sudo" in step or "chmod 777" in step]


def test_no_step_of_the_image_fetches_what_is_not_pinned() -> None:
    text = " ".join(STEPS)
    assert "latest" not in text
    assert not re.search(r"\b(curl|wget|ADD|git clone)\b", text)
    assert all("constraints.txt" in step for step in STEPS if "pip install" in step)
    (installed,) = re.findall(r"--no-install-recommends (.*?) &&", text)
    assert all("=" in package for package in installed.split())
    assert "rm -rf /var/lib/apt/lists/*" in text


def test_the_build_gets_all_packages_and_nothing_else() -> None:
    copied = {source for rest in arguments("COPY") for source in rest.split()[:-1]}
    assert {*PACKAGES, "configs", "constraints.txt"} <= {name.split("/")[0] for name in copied}
    admitted = set(re.findall(r"(?m)^!(\S+)", (ROOT / ".dockerignore").read_text()))
    assert {name.split("/")[0] for name in copied if name[0] not in "-/"} <= admitted
    assert not admitted & {".git", "tests", "benchmarks"}
    assert all((ROOT / name).exists() for name in admitted)


@pytest.mark.parametrize("name", OWN)
def test_a_container_of_ours_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service


def test_only_the_jobs_api_and_mlflow_are_published_and_on_loopback_only() -> None:
    published = {name: service.get("ports", []) for name, service in SERVICES.items()}
    assert {name: ports for name, ports in published.items() if ports} == {
        "ray": ["127.0.0.1:8265:8265"],
        "mlflow": ["127.0.0.1:5000:5000"],
    }
    assert not [service for service in SERVICES.values() if service.get("network_mode") == "host"]


def test_the_token_and_the_password_are_made_on_the_spot_and_in_no_file() -> None:
    (_, *files) = SERVICES["secrets"]["command"]
    assert SERVICES["ray"]["environment"]["RAY_AUTH_TOKEN_PATH"] in files
    assert SERVICES["mlflow"]["environment"]["DATABASE_PASSWORD_FILE"] in files
    assert SERVICES["postgresql"]["environment"]["POSTGRES_PASSWORD_FILE"] in files
    assert "RAY_AUTH_MODE=token" in DOCKERFILE
    text = (DOCKER / "compose.yaml").read_text() + DOCKERFILE
    assert not re.search(r"(?i)(password|token)\w*[:=]\s*\"?[0-9a-f]{8}", text)


@pytest.mark.parametrize("name", ["ray", "mlflow", "postgresql"])
def test_a_service_is_watched_restarted_and_keeps_its_state(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"
    volumes = [volume.split(":")[0] for volume in service["volumes"]]
    assert set(volumes) <= set(COMPOSE["volumes"])
    assert not [volume for volume in service["volumes"] if "docker.sock" in volume]
    assert set(volumes) - {"ray-secret", "database-secret"}


def test_postgresql_is_a_choice_and_so_is_the_gpu() -> None:
    assert SERVICES["postgresql"]["profiles"] == ["postgresql"]
    assert SERVICES["mlflow"]["depends_on"]["postgresql"]["required"] is False
    assert SERVICES["mlflow"]["command"][1] == "${COMPOSE_PROFILES:-sqlite}"
    assert "deploy" not in SERVICES["ray"]
    (name, service), *_ = yaml.safe_load((DOCKER / "compose.gpu.yaml").read_text())[
        "services"
    ].items()
    (device,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert name in SERVICES
    assert device["capabilities"] == ["gpu"]


def test_postgresql_counts_as_ready_once_it_listens_to_other_containers() -> None:
    assert "--host=127.0.0.1" in SERVICES["postgresql"]["healthcheck"]["test"]


def test_who_waits_for_whom_exists_and_is_watched() -> None:
    for service in SERVICES.values():
        for other, how in service.get("depends_on", {}).items():
            watched = "healthcheck" in SERVICES[other]
            assert how["condition"] == (
                "service_healthy" if watched else "service_completed_successfully"
            )


def pods() -> dict[str, dict[str, Any]]:
    cluster = JOB["rayClusterSpec"]
    groups = {group["groupName"]: group for group in cluster["workerGroupSpecs"]}
    return {
        "submitter": JOB["submitterPodTemplate"]["spec"],
        "head": cluster["headGroupSpec"]["template"]["spec"],
        **{name: group["template"]["spec"] for name, group in groups.items()},
    }


@pytest.mark.parametrize("name", ["submitter", "head", "gpu"])
def test_a_pod_of_the_job_is_hardened_and_finds_its_state(name: str) -> None:
    pod = pods()[name]
    assert pod["securityContext"]["runAsNonRoot"] is True
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounted["state"] == "/state"
    assert mounted["scratch"] == "/tmp"
    assert set(mounted) <= {volume["name"] for volume in pod["volumes"]}


def test_the_operator_makes_the_token_of_the_job_for_it_watches_the_job_with_it() -> None:
    assert JOB["rayClusterSpec"]["authOptions"] == {"mode": "token"}
    containers = [container for pod in pods().values() for container in pod["containers"]]
    given = {item["name"] for container in containers for item in container.get("env", [])}
    assert given == {"MLFLOW_TRACKING_URI"}


def test_the_job_runs_the_ray_that_is_pinned_and_a_study_that_outlives_it() -> None:
    version = JOB["rayClusterSpec"]["rayVersion"]
    assert f"\nray=={version} \\\n" in (ROOT / "constraints.txt").read_text()
    assert re.search(r"--out /state/\S+", JOB["entrypoint"])
    assert JOB["backoffLimit"] == 0


def test_the_image_has_one_name_with_the_version() -> None:
    image = f"warmtune:{tuner.__version__}"
    assert f"--tag {image} ." in DOCKERFILE
    assert {SERVICES[name]["image"] for name in OWN} == {image}
    assert {container["image"] for pod in pods().values() for container in pod["containers"]} == {
        image
    }


def test_the_head_of_the_job_names_what_nothing_here_deploys() -> None:
    head, _, _ = (DOCKER / "rayjob.yaml").read_text().partition("apiVersion")
    (container,) = pods()["head"]["containers"]
    environment = {item["name"]: item for item in container["env"]}
    assert container["image"] in head
    assert environment["MLFLOW_TRACKING_URI"]["value"] in head
    claims = [volume.get("persistentVolumeClaim") for volume in pods()["head"]["volumes"]]
    assert all(claim["claimName"] in head for claim in claims if claim)


def test_a_secret_is_made_once_and_is_long(tmp_path: Path) -> None:
    first, second = tmp_path / "token", tmp_path / "password"
    assert run("make-secret", str(first), str(second)).returncode == 0
    kept = first.read_text()
    assert re.fullmatch("[0-9a-f]{64}", kept)
    assert second.read_text() != kept
    run("make-secret", str(first))
    assert first.read_text() == kept


def test_a_head_without_token_does_not_start(tmp_path: Path) -> None:
    token = str(tmp_path / "token")
    assert "RAY_AUTH_MODE=token is needed" in run("ray-head", RAY_AUTH_TOKEN_PATH=token).stderr
    done = run("ray-head", RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=token)
    assert (done.returncode, done.stderr) == (2, f"ray-head: no token in {token}\n")


def test_mlflow_on_an_unknown_store_does_not_start() -> None:
    done = run("mlflow-server", "mysql")
    assert (done.returncode, "sqlite or postgresql expected" in done.stderr) == (2, True)


def test_the_image_is_not_rehearsed_in_a_folder_that_holds_something(tmp_path: Path) -> None:
    done = run("rehearse", str(tmp_path))
    assert (done.returncode, "a folder that is not there yet" in done.stderr) == (2, True)


def test_the_health_check_tells_a_service_that_is_away() -> None:
    assert run("healthy", "http://127.0.0.1:9/").returncode != 0
