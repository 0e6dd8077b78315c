"""The Kubernetes manifests: valid by the API's schemas, and consistent with the service."""

import copy
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import yaml

from app import __version__
from app.server.supervisor import GRACE_SECONDS
from tests.deploy.manifests import (
    KUBERNETES,
    Manifest,
    image_variables,
    of_kind,
    read,
    resources,
    settings_of,
)
from tests.project import IRIS, ROOT
from tests.service import open_client

VERSIONS = ["1.30", "1.37"]
PROBES = {
    "startupProbe": "/health/ready",
    "readinessProbe": "/health/ready",
    "livenessProbe": "/health/live",
}


def pod() -> Manifest:
    return of_kind("Deployment")["spec"]["template"]


def container() -> Manifest:
    (only,) = pod()["spec"]["containers"]
    return only


def require_valid(resource: Manifest, version: str = VERSIONS[-1]) -> None:
    # Imported here: it takes seconds, which only a process that runs these tests should take.
    import kubernetes_validate

    kubernetes_validate.validate(resource, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("resource", resources(), ids=lambda resource: resource["kind"])
def test_a_manifest_is_valid(resource: Manifest, version: str) -> None:
    require_valid(resource, version)


def misname(found: Manifest) -> None:
    found["readinessProb"] = found.pop("readinessProbe")


def misplace(found: Manifest) -> None:
    found["securityContext"]["runAsNonRot"] = True


def mistype(found: Manifest) -> None:
    found["ports"][0]["containerPort"] = "eight thousand"


def unname(found: Manifest) -> None:
    del found["name"]


@pytest.mark.parametrize("spoil", [misname, misplace, mistype, unname])
def test_the_check_finds_mistakes(spoil: Callable[[Manifest], None]) -> None:
    from kubernetes_validate import ValidationError

    spoiled = copy.deepcopy(of_kind("Deployment"))
    spoil(spoiled["spec"]["template"]["spec"]["containers"][0])
    with pytest.raises(ValidationError):
        require_valid(spoiled)


def test_kustomize_builds_them(tmp_path: Path) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    # From a copy, because the manifests must need no file outside their folder.
    folder = shutil.copytree(KUBERNETES, tmp_path / "kubernetes")
    built = subprocess.run([kubectl, "kustomize", folder], capture_output=True, check=True)
    documents = list(yaml.safe_load_all(built.stdout))
    assert len(documents) == len(resources())
    for document in documents:
        require_valid(document)
    (deployment,) = [each for each in documents if each["kind"] == "Deployment"]
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == f"stateserve:{__version__}"


def test_the_image_is_this_version() -> None:
    (image,) = read(KUBERNETES / "kustomization.yaml")["images"]
    assert image == {"name": container()["image"], "newTag": __version__}


def test_the_pod_gets_the_settings_that_it_names() -> None:
    settings = settings_of(container())
    assert settings.host == "0.0.0.0"
    assert settings.drain_delay_seconds > 0
    assert settings.max_large_requests == 2


def test_an_unknown_setting_would_be_found() -> None:
    with pytest.raises(ValueError, match="drain_dely_seconds"):
        settings_of({"env": [{"name": "STATESERVE_DRAIN_DELY_SECONDS", "value": "5"}]})


def test_every_port_is_the_one_that_the_service_listens_on() -> None:
    port = settings_of(container()).port
    assert image_variables()["STATESERVE_PORT"] == str(port)
    assert f"EXPOSE {port}\n" in (ROOT / "Dockerfile").read_text()
    assert container()["ports"] == [{"name": "http", "containerPort": port}]
    assert pod()["metadata"]["annotations"]["prometheus.io/port"] == str(port)
    names = [
        *(container()[probe]["httpGet"]["port"] for probe in PROBES),
        *(each["targetPort"] for each in of_kind("Service")["spec"]["ports"]),
        *(each["port"] for rule in of_kind("NetworkPolicy")["spec"]["ingress"]
          for each in rule["ports"]),
    ]  # fmt: skip
    assert names == ["http"] * 5


async def test_every_path_is_served() -> None:
    paths = {probe: container()[probe]["httpGet"]["path"] for probe in PROBES}
    assert paths == PROBES
    scraped = pod()["metadata"]["annotations"]["prometheus.io/path"]
    async with open_client(settings_of(container()).model_copy(update={"model": IRIS})) as client:
        for path in (*paths.values(), scraped):
            answer: httpx.Response = await client.get(path)
            assert answer.status_code == 200, path


def test_the_pod_is_not_killed_before_the_service_has_ended() -> None:
    settings = settings_of(container())
    longest = settings.drain_delay_seconds + settings.drain_timeout_seconds + GRACE_SECONDS
    assert longest < pod()["spec"]["terminationGracePeriodSeconds"]


def test_the_pod_is_out_of_service_before_it_takes_no_more() -> None:
    readiness = container()["readinessProbe"]
    noticed = readiness["periodSeconds"] * readiness["failureThreshold"]
    assert noticed < settings_of(container()).drain_delay_seconds


def test_everybody_means_these_pods() -> None:
    labels = pod()["metadata"]["labels"]
    spec = of_kind("Deployment")["spec"]
    (spread,) = pod()["spec"]["topologySpreadConstraints"]
    selectors = [
        spec["selector"]["matchLabels"],
        spread["labelSelector"]["matchLabels"],
        of_kind("Service")["spec"]["selector"],
        of_kind("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        of_kind("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ]
    assert selectors == [labels] * 5
    target = of_kind("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    deployment = of_kind("Deployment")
    assert (target["apiVersion"], target["kind"], target["name"]) == (
        deployment["apiVersion"],
        deployment["kind"],
        deployment["metadata"]["name"],
    )
    assert "replicas" not in spec


def test_the_pod_has_no_rights() -> None:
    spec = pod()["spec"]
    account = of_kind("ServiceAccount")
    assert spec["serviceAccountName"] == account["metadata"]["name"]
    assert spec["automountServiceAccountToken"] is account["automountServiceAccountToken"] is False
    user = spec["securityContext"]["runAsUser"]
    assert f"USER {user}\n" in (ROOT / "Dockerfile").read_text()
    assert spec["securityContext"]["runAsNonRoot"]
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    # The only folder to write to.
    (mount,) = container()["volumeMounts"]
    (volume,) = spec["volumes"]
    assert (mount["name"], mount["mountPath"]) == (volume["name"], "/tmp")
    assert volume["emptyDir"]["sizeLimit"]
    assert of_kind("NetworkPolicy")["spec"]["egress"] == []
