"""The service keeps to its own documentation, whatever a generator of requests comes up with."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import positive_data_acceptance

from app.protocols import PROTOCOLS
from tests.app.local import ask
from tests.app.serving import LABELS_UNSAFE, server, unsafe_sample
from tests.documentation import PAGES
from tests.rules.completions import unsafe

ROWS = {protocol.path for protocol in PROTOCOLS}


async def _documentation(client: httpx.AsyncClient) -> dict[str, Any]:
    document: dict[str, Any] = (await client.get("/openapi.json")).json()
    return document


schema = schemathesis.openapi.from_dict(ask(_documentation))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with server() as (address, _):
        yield address


@schema.parametrize()
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_reply_is_as_documented(case: Case[Any], address: str) -> None:
    # Rows of other trainers may hold labels in ways that no schema says.
    unsaid: list[CheckFunction] = [positive_data_acceptance] if case.path in ROWS else []
    case.call_and_validate(base_url=address, excluded_checks=unsaid)


ROW = {
    "responses_create_params": {"input": "May I?"},
    "response": {"output": [{"type": "message", "content": unsafe()}]},
    "labels": LABELS_UNSAFE,
}
COMPONENTS = {"format", "tag", "behavior"}
RAW = {f"raw_{name}" for name in COMPONENTS}


@pytest.mark.parametrize(
    ("path", "body", "beside"),
    [
        ("/reward", {"samples": [unsafe_sample()]}, set()),
        (
            "/openrlhf",
            {"query": ["May I?" + unsafe()], "prompts": ["May I?"], "labels": [LABELS_UNSAFE]},
            set(),
        ),
        (
            "/slime",
            {"prompt": "May I?", "response": unsafe(), "label": LABELS_UNSAFE},
            COMPONENTS | RAW,
        ),
        ("/verify", ROW, {"labels", "policy_invalid"} | RAW),
        (
            "/evaluate",
            {
                "messages": [
                    {"role": "user", "content": "May I?"},
                    {"role": "assistant", "content": unsafe()},
                ],
                "ground_truth": LABELS_UNSAFE,
            },
            set(),
        ),
        ("/aggregate_metrics", {"verify_responses": [{"reward": 1.0}]}, set()),
        ("/profiles/{name}", None, set()),
    ],
)
def test_a_success_is_as_documented_key_by_key(
    path: str, body: dict[str, Any] | None, beside: set[str], address: str
) -> None:
    """A generator seldom comes upon a request that succeeds, and a schema allows further keys."""
    operation = schema[path]["POST" if body else "GET"]
    given: dict[str, Any] = {"body": body} if body else {"path_parameters": {"name": "paper"}}
    case = operation.Case(**given)
    reply = case.call(base_url=address)
    assert reply.status_code == 200, reply.text
    case.validate_response(reply)
    assert set(reply.json()) == documented(operation.definition.raw) | beside


def test_the_example_on_the_page_can_be_sent(address: str) -> None:
    (example,) = schema.raw_schema["components"]["schemas"]["RewardRequest"]["examples"]
    assert httpx.post(f"{address}/reward", json=example).json()["rewards"] == [0.875]


def test_the_request_in_the_readme_has_the_reply_that_is_shown_there(address: str) -> None:
    readme = (PAGES.parent / "README.md").read_text()
    (body,) = re.findall(r"/reward .*-d '(.*?)'\n", readme.replace("'\\''", "\\u0027"), re.DOTALL)
    (shown,) = re.findall(r"```json\n(\{\"profile\".*?)```", readme, re.DOTALL)
    reply = httpx.post(f"{address}/reward", json=json.loads(body)).json()
    assert {**reply, "version": ""} == {**json.loads(shown), "version": ""}


@pytest.mark.parametrize("path", ["/reward", *sorted(ROWS)])
def test_every_scoring_address_is_introduced(path: str) -> None:
    assert len(schema.raw_schema["paths"][path]["post"]["description"]) > 100


def documented(operation: dict[str, Any]) -> set[str]:
    """The keys of a success."""
    content = operation["responses"]["200"]["content"]["application/json"]
    name = content["schema"]["$ref"].removeprefix("#/components/schemas/")
    return set(schema.raw_schema["components"]["schemas"][name]["properties"])
