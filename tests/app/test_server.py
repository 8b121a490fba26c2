"""What else is served beside the rewards, over HTTP against a real server process."""

import re
import time
from collections.abc import Iterator
from importlib import metadata
from platform import python_version

import httpx
import pytest

from app.settings import Settings
from rules.profile import load_profile, shipped_profiles
from tests.app.serving import (
    eventually,
    reward,
    sample,
    server,
    statistics,
    unsafe_sample,
)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with server("--group-seconds", "1") as (address, _), httpx.Client(base_url=address) as client:
        yield client


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_health_and_readiness(client: httpx.Client, method: str) -> None:
    for path in ("/healthz", "/readyz"):
        reply = client.request(method, path)
        assert reply.status_code == 200
        assert "connection" not in reply.headers  # it stays open
        assert bool(reply.content) == (method == "GET")


def test_a_slash_at_the_end_of_the_address_is_not_redirected(client: httpx.Client) -> None:
    assert client.post("/reward/", json={"samples": [sample()]}).json()["rewards"] == [1.0]


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        ("GET", "/nowhere", 404, "/docs"),
        ("GET", "/reward", 405, "Allow"),
        ("POST", "/reward%0A", 404, "/docs"),
    ],
)
def test_a_wrong_address_or_method_gets_what_to_do(
    client: httpx.Client, method: str, path: str, status: int, says: str
) -> None:
    reply = client.request(method, path)
    assert reply.status_code == status
    assert says in reply.json()["error"]


def test_profiles_are_listed_and_shown_with_their_instruction(client: httpx.Client) -> None:
    listed = {profile["name"]: profile for profile in client.get("/profiles").json()}
    assert set(listed) == {"official", "paper", "safegrpo"}
    assert listed["safegrpo"]["default"]
    shown = client.get("/profiles/paper").json()
    assert shown["version"] == listed["paper"]["version"]
    assert shown["instruction"] == load_profile("paper").instruction
    assert shown["profile"]["weights"] == {"tag": 0.5, "behavior": 0.5}
    assert client.get("/profiles/nope").status_code == 404


def test_openapi_documents_the_request_and_the_reply(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    schemas = set(document["components"]["schemas"])
    assert {"RewardRequest", "Sample", "Labels", "RewardReply", "ErrorReply"} <= schemas
    assert "HTTPValidationError" not in schemas  # no reply looks like that


def test_the_documentation_loads_nothing_from_elsewhere(client: httpx.Client) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(loaded) == 3  # script, style, icon
    for address in loaded:
        assert address.startswith("/")
        assert client.get(address).status_code == 200


def test_metrics_count_what_was_scored(client: httpx.Client) -> None:
    before = statistics(str(client.base_url))
    reward(client, sample(), sample("x"), unsafe_sample())
    after = statistics(str(client.base_url))

    def grew(name: str, **labels: str) -> float:
        key = (name, frozenset({"profile": "safegrpo", **labels}.items()))
        return after.get(key, 0.0) - before.get(key, 0.0)

    assert grew("safegrpo_samples_total", status="ok") == 2
    assert grew("safegrpo_samples_total", status="policy_invalid") == 1
    assert grew("safegrpo_reward_count") == 3
    assert grew("safegrpo_reward_sum") == 2.0
    of_run = {"run": "none"}
    assert grew("safegrpo_component_sum", component="tag", **of_run) == 1.0
    assert grew("safegrpo_format_failures_total", code="missing_section", **of_run) == 1
    unsafe = {"label": "unsafe", "verdict": "unsafe"}
    assert grew("safegrpo_verdicts_total", judgement="combined", **unsafe, **of_run) == 1
    assert grew("safegrpo_stances_total", label="safe", stance="compliance", **of_run) == 1


def test_a_group_that_came_sample_by_sample_is_counted_once_complete(client: httpx.Client) -> None:
    for text in (None, "x"):
        reward(client, sample(text, group="p17"), run="grouped")

    def counted(kind: str) -> float | None:
        labels = {"profile": "safegrpo", "run": "grouped", "kind": kind}
        key = ("safegrpo_groups_total", frozenset(labels.items()))
        return statistics(str(client.base_url)).get(key)

    assert counted("all") is None
    eventually(lambda: counted("all") == 1)
    assert counted("equal") is None


def test_metrics_tell_the_build_the_reward_versions_and_the_bounds(client: httpx.Client) -> None:
    found = statistics(str(client.base_url))
    bounds = Settings()
    expected: dict[str, tuple[dict[str, str], float]] = {
        "build_info": ({"version": metadata.version("safegrpo"), "python": python_version()}, 1),
        "queue_limit_bytes": ({}, bounds.queue_bytes),
        "queue_limit_samples": ({}, bounds.queue_samples),
        "workers": ({}, 1),
    }
    for name, (labels, value) in expected.items():
        assert found[f"safegrpo_{name}", frozenset(labels.items())] == value
    for name in shipped_profiles():
        of_profile = {"profile": name, "version": load_profile(name).version}
        assert found["safegrpo_profile_info", frozenset(of_profile.items())] == 1
    assert 0 < time.time() - found["safegrpo_start_time_seconds", frozenset()] < 600
