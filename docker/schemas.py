# /// script
# requires-python = ">=3.11"
# dependencies = ["compose-spec==0.2.1", "kubernetes-validate==1.37.0", "pyyaml"]
# ///
"""Whether the Compose files are what Compose reads, and the job's pods what Kubernetes does.

uv run docker/schemas.py    ends with an error that names what is not

Of KubeRay's own keys there is no schema to install; ``tests/test_docker.py`` holds what matters.
"""

import json
from pathlib import Path

import kubernetes_validate
import yaml
from compose_spec import PyCompose

HERE = Path(__file__).parent

for name in ("compose.yaml", "compose.gpu.yaml"):
    compose = PyCompose.from_json(json.dumps(yaml.safe_load((HERE / name).read_text())))
    compose.validate()
    print(f"{name}: {', '.join(compose.service_names())}")

job = yaml.safe_load((HERE / "rayjob.yaml").read_text())["spec"]
cluster = job["rayClusterSpec"]
groups = (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])
for template in (job["submitterPodTemplate"], *(group["template"] for group in groups)):
    name = template["spec"]["containers"][0]["name"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, **template}
    kubernetes_validate.validate(pod, kubernetes_validate.latest_version(), strict=True)
    print(f"rayjob.yaml: {name}")
