"""The job on Kubernetes: fields that KubeRay and Kubernetes know, of the right types, and no others."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).parents[3]
JOB = (ROOT / "clusters" / "rayjob.yaml").read_text()
SCHEMA = yaml.safe_load((Path(__file__).parent / "rayjob-schema.yaml").read_text())
KUBERNETES = "1.33"


def templates(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The pods of a job, head first, each as an object of Kubernetes' own."""
    cluster = job["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        yield {"apiVersion": "v1", "kind": "PodTemplate", "template": group["template"]}


def check(text: str) -> None:
    """Hold both documents of the file against the schemas; unknown fields are refused."""
    job, policy = yaml.safe_load_all(text)
    jsonschema.Draft202012Validator(SCHEMA).validate(job)
    for document in (*templates(job), policy):
        kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_kubernetes_takes_the_file() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    check(JOB)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("entrypoint:", "entryPoint:", "'entryPoint' was unexpected"),
        ("backoffLimit: 3", "backoffLimit: three", "'three' is not of type 'integer'"),
        ("authOptions: {mode: token}", "authOption: {mode: token}", "'authOption' was unexpected"),
        ("{mode: token}", "{mode: tokens}", "'tokens' is not one of"),
        ("idleTimeoutSeconds", "idleTimeoutMinutes", "'idleTimeoutMinutes' was unexpected"),
        ('num-cpus: "0"', "num-cpus: 0", "0 is not of type 'string'"),
        ("maxReplicas: 20", "maxReplica: 20", "'maxReplicas' is a required property"),
        (" replicas: 0", " replica: 0", "'replica' was unexpected"),
        ("rayClusterSpec:", "rayCluster:", "'rayCluster' was unexpected"),
        ("tolerations:", "toleration:", "'toleration' was unexpected"),
        ("image: EDIT", "imagen: EDIT", "'imagen' was unexpected"),
        ("secretRef: {name", "secretRef: {named", "'named' was unexpected"),
        ("limits:", "limit:", "'limit' was unexpected"),
        ("policyTypes:", "policyType:", "'policyType' was unexpected"),
    ],
)
def test_an_error_is_found(right: str, wrong: str, said: str) -> None:
    assert right in JOB
    with pytest.raises(jsonschema.ValidationError) as caught:
        check(JOB.replace(right, wrong))
    assert said in str(caught.value)
