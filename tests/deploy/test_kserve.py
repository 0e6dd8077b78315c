"""The InferenceService, checked by Kubernetes' schema of a pod and by KServe's models."""

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.manifests import DEPLOY, KUBERNETES, Manifest, of_kind, read, settings_of
from tests.project import IRIS

PATH = DEPLOY / "kserve" / "inference-service.yaml"
# make test puts it there: tests/kserve-client.txt.
PACKAGES = Path(sys.prefix) / "kserve-client"
# A predictor is a pod with these additional fields.
PROGRAM = """
import json, sys
# As in tests/conftest.py.
sys.modules["rfc3987_syntax"] = None
from kserve import V1beta1PredictorSpec as Predictor
from kubernetes.client import V1PodSpec as Pod
types = {name: Predictor.openapi_types[key] for key, name in Predictor.attribute_map.items()}
print(json.dumps({name: types[name] for name in types.keys() - Pod.attribute_map.values()}))
"""
# Without Knative there is no other metric.
KNOWN = {"int": {"type": "integer", "minimum": 0}, "str": {"enum": ["cpu", "memory"]}}
AROUND = {
    "type": "object",
    "properties": {
        "apiVersion": {"const": "serving.kserve.io/v1beta1"},
        "kind": {"const": "InferenceService"},
        "metadata": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "annotations": {"const": {"serving.kserve.io/deploymentMode": "RawDeployment"}},
            },
            "required": ["name", "annotations"],
            "additionalProperties": False,
        },
        "spec": {
            "type": "object",
            "properties": {"predictor": {"type": "object"}},
            "required": ["predictor"],
            "additionalProperties": False,
        },
    },
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def extension() -> Manifest:
    """The schema of each field that KServe's models add to a pod."""
    assert PACKAGES.is_dir(), "make .venv/kserve-client"
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"PYTHONPATH": str(PACKAGES)},
        capture_output=True,
        check=True,
        timeout=120,
    )
    types = json.loads(result.stdout)
    return {name: KNOWN[kind] for name, kind in types.items() if kind in KNOWN}


def require_valid(service: Manifest, extension: Manifest) -> None:
    """Raises ValidationError unless the pod fits Kubernetes' schema, and the rest KServe's."""
    # Imported here: only a process that runs these tests should take the time.
    import jsonschema
    import kubernetes_validate

    jsonschema.validate(service, AROUND)
    predictor = service["spec"]["predictor"]
    jsonschema.validate(predictor, {"properties": extension})
    spec = {name: value for name, value in predictor.items() if name not in extension}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": service["metadata"], "spec": spec}
    kubernetes_validate.validate(pod, "1.37", strict=True)


def container() -> Manifest:
    (only,) = read(PATH)["spec"]["predictor"]["containers"]
    return only


def test_the_service_is_valid(extension: Manifest) -> None:
    require_valid(read(PATH), extension)


def misname(predictor: Manifest) -> None:
    predictor["minReplica"] = predictor.pop("minReplicas")


def mistype(predictor: Manifest) -> None:
    predictor["scaleTarget"] = "32"


def mismeasure(predictor: Manifest) -> None:
    predictor["scaleMetric"] = "concurrency"


def misprobe(predictor: Manifest) -> None:
    predictor["containers"][0]["readinessProbe"]["httpPath"] = "/health/ready"


def empty(predictor: Manifest) -> None:
    del predictor["containers"]


@pytest.mark.parametrize("spoil", [misname, mistype, mismeasure, misprobe, empty])
def test_the_check_finds_mistakes(spoil: Callable[[Manifest], None], extension: Manifest) -> None:
    from jsonschema import ValidationError

    spoiled = copy.deepcopy(read(PATH))
    spoil(spoiled["spec"]["predictor"])
    with pytest.raises(ValidationError):
        require_valid(spoiled, extension)


def test_kserve_knows_which_container_it_is_and_what_it_speaks() -> None:
    assert container()["name"] == "kserve-container"
    assert {"name": "PROTOCOL", "value": "v2"} in container()["env"]
    assert read(PATH)["metadata"]["name"] == IRIS.stem


def test_its_ports_and_probes_are_those_of_the_deployment() -> None:
    (port,) = container()["ports"]
    other = deployed()["containers"][0]
    assert port["containerPort"] == settings_of(container()).port
    assert other["ports"][0]["containerPort"] == port["containerPort"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        # tests/deploy/test_kubernetes.py requests these paths.
        by_number = other[probe]["httpGet"] | {"port": port["containerPort"]}
        assert container()[probe] == other[probe] | {"httpGet": by_number}


def deployed() -> Manifest:
    return of_kind("Deployment")["spec"]["template"]["spec"]


def test_all_else_is_as_in_the_deployment_too() -> None:
    predictor = read(PATH)["spec"]["predictor"]
    (other,) = deployed()["containers"]
    image = f"{other['image']}:{read(KUBERNETES / 'kustomization.yaml')['images'][0]['newTag']}"
    assert container()["image"] == image
    for name in ("securityContext", "resources"):
        assert container()[name] == other[name]
    for name in (
        "automountServiceAccountToken",
        "enableServiceLinks",
        "securityContext",
        "terminationGracePeriodSeconds",
    ):
        assert predictor[name] == deployed()[name]
    assert settings_of(container()) == settings_of(other)
    limits = of_kind("HorizontalPodAutoscaler")["spec"]
    assert predictor["minReplicas"] == limits["minReplicas"]
    assert predictor["maxReplicas"] == limits["maxReplicas"]
