"""The files of the deployment name only settings, probes and ports that the service has."""

import re
from pathlib import Path
from typing import Any

import yaml
from fastapi.testclient import TestClient

from app.server import create_app
from app.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
MANIFESTS = [
    manifest
    for path in sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
    for manifest in yaml.safe_load_all(path.read_text())
]


def pod() -> dict[str, Any]:
    (deployment,) = [found for found in MANIFESTS if found["kind"] == "Deployment"]
    return dict(deployment["spec"]["template"]["spec"])


def container() -> dict[str, Any]:
    (only,) = pod()["containers"]
    return dict(only)


def test_every_variable_is_a_setting() -> None:
    text = (ROOT / "Dockerfile").read_text() + str(COMPOSE) + str(MANIFESTS)
    named = {name.lower() for name in re.findall(r"SAFEGRPO_(\w+)", text)}
    assert named
    assert named <= set(Settings.model_fields)


def test_probes_ask_what_the_service_answers() -> None:
    probes = [
        container()[f"{kind}Probe"]["httpGet"] for kind in ("startup", "readiness", "liveness")
    ]
    with TestClient(create_app(Settings())) as client:
        assert [client.get(probe["path"]).status_code for probe in probes] == [200, 200, 200]
    assert {port["containerPort"] for port in container()["ports"]} == {Settings().port}


def test_nothing_is_killed_before_it_has_had_the_time_to_stop() -> None:
    plain = {entry["name"]: entry["value"] for entry in container()["env"] if "value" in entry}
    drained = Settings(drain_seconds=float(plain["SAFEGRPO_DRAIN_SECONDS"]))
    assert pod()["terminationGracePeriodSeconds"] > drained.drain_seconds + drained.grace_seconds
    seconds = int(COMPOSE["services"]["reward"]["stop_grace_period"].removesuffix("s"))
    assert seconds > Settings().drain_seconds + Settings().grace_seconds


def test_what_is_scaled_automatically_names_no_number_of_replicas() -> None:
    """Each `kubectl apply` would set the number back."""
    named = {(found["kind"], found["metadata"]["name"]): found["spec"] for found in MANIFESTS}
    (target,) = (
        spec["scaleTargetRef"]
        for (kind, _), spec in named.items()
        if kind == "HorizontalPodAutoscaler"
    )
    assert "replicas" not in named[target["kind"], target["name"]]


def test_images_are_pinned() -> None:
    images = [service["image"] for service in COMPOSE["services"].values()]
    assert all(re.search(r":v?\d+\.\d+\.\d+$", image) for image in [*images, container()["image"]])
