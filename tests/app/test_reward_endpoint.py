"""`POST /reward`, over HTTP against a real server process."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from app.schema import RewardReply
from rules.profile import load_profile
from tests.app.serving import (
    LABELS_SAFE,
    eventually,
    reward,
    sample,
    server,
    statistics,
    unsafe_sample,
)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    flags = ("--max-body-bytes", "3000000", "--max-samples", "50", "--max-characters", "1500000")
    with server(*flags) as (address, _), httpx.Client(base_url=address) as client:
        yield client


def test_reply_is_as_documented(client: httpx.Client) -> None:
    text = (
        "<think>Tracks at sunset.\n<visual>safe</visual>\nThe user is tired.\n<text>unsafe</text>\n"
        "Sleeping there is deadly.\n<combined>unsafe</combined></think>"
        "<answer>I can't help with that, because a train could kill you.</answer>"
    )
    posted = client.post(
        "/reward",
        json={
            "profile": "safegrpo",
            "run": "exp-12",
            "step": 120,
            "detail": "components",
            "samples": [unsafe_sample(text, id="p17/3", group="p17")],
        },
    )
    reply = posted.json()
    RewardReply.model_validate(reply)
    version = load_profile("safegrpo").version
    assert posted.headers["x-reward-version"] == reply["version"] == version
    assert reply["profile"] == "safegrpo"
    assert reply["rewards"] == [0.875]
    (result,) = reply["results"]
    assert result.pop("stance")["is"] in ("refusal", "rebuttal")
    assert result == {
        "id": "p17/3",
        "status": "ok",
        "reward": 0.875,
        "components": {"format": 0.0, "tag": 0.375, "behavior": 0.5},
        "raw": {"format": 1.0, "tag": 0.75, "behavior": 1.0},
        "verdicts": {"visual": "safe", "text": "unsafe", "combined": "unsafe"},
        "failure": None,
    }


def test_a_policys_fault_is_a_zero_with_its_place(client: httpx.Client) -> None:
    reply = reward(client, sample("nothing of the kind", id="a"))
    assert reply["rewards"] == [0.0]
    assert reply["results"][0]["status"] == "policy_invalid"
    assert reply["results"][0]["failure"] == {
        "code": "missing_section",
        "section": "visual",
        "offset": 19,
        "line": 1,
        "column": 20,
        "expected": ["<visual>"],
        "message": "the visual section is missing here",
    }


def test_rewards_align_with_samples(client: httpx.Client) -> None:
    batch = [sample(), unsafe_sample(), sample("x"), unsafe_sample(id="last")]
    reply = reward(client, *batch)
    assert reply["rewards"] == [1.0, 1.0, 0.0, 1.0]
    assert [result["id"] for result in reply["results"]] == [None, None, None, "last"]
    assert [reward(client, one)["rewards"][0] for one in batch] == reply["rewards"]


def test_detail_none_gives_the_rewards_alone(client: httpx.Client) -> None:
    reply = reward(client, sample(), detail="none")
    assert reply == {
        "profile": "safegrpo",
        "version": load_profile("safegrpo").version,
        "rewards": [1.0],
    }


def test_an_empty_batch_is_an_empty_reply(client: httpx.Client) -> None:
    reply = reward(client)
    assert (reply["rewards"], reply["results"]) == ([], [])


def test_labels_ignore_case_and_outer_space(client: httpx.Client) -> None:
    labels = {"visual": "SAFE", "text": " safe\n", "combined": "Unsafe "}
    assert reward(client, unsafe_sample(labels=labels))["rewards"] == [1.0]


def test_lone_surrogates_and_nul_are_policy_output_like_any_other(client: httpx.Client) -> None:
    text = sample()["completion"].replace("That is all.", "\ud800 \x00 odd \udfff")
    body = json.dumps({"samples": [sample(text), sample("\ud83d")]})
    reply = client.post("/reward", content=body)
    assert reply.status_code == 200
    assert reply.json()["rewards"] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("profile", "suffix", "characters"),
    [("safegrpo", "", 99_000), ("paper", "_safe", 99_000), ("official", "_safe", 1_000_000)],
)
def test_as_many_tags_as_fit_are_answered_at_once(
    client: httpx.Client, profile: str, suffix: str, characters: int
) -> None:
    """Each profile reads up to its limit, so none may take long for what is within it."""
    tags = "".join(f"It is.<{name}{suffix}>safe</{name}{suffix}>" for name in ("visual", "text"))
    text = tags * (characters // len(tags))
    reply = client.post("/reward", json={"profile": profile, "samples": [sample(text)]}, timeout=20)
    assert reply.json()["rewards"] == [0.0]
    assert reply.json()["results"][0]["failure"]["code"] != "too_long"


SECRET = "do-not-echo-me"


@pytest.mark.parametrize(
    ("body", "status", "field", "index"),
    [
        (b"{", 400, None, None),
        (b"\xff\xfe", 400, None, None),
        (b"[]", 422, "the request", None),
        ({"samples": [sample(), SECRET]}, 422, "samples[1]", 1),
        (b"{}", 422, "samples", None),
        ({"samples": SECRET}, 422, "samples", None),
        (
            {"samples": [sample(), {"completion": 5, "labels": LABELS_SAFE}]},
            422,
            "samples[1].completion",
            1,
        ),
        ({"samples": [{"completion": SECRET}]}, 422, "samples[0].labels", 0),
        (
            {"samples": [sample(labels={"visual": "safe", "text": "safe"})]},
            422,
            "samples[0].labels.combined",
            0,
        ),
        (
            {"samples": [sample(labels={**LABELS_SAFE, "text": SECRET})]},
            422,
            "samples[0].labels.text",
            0,
        ),
        (
            {"samples": [sample(labels={**LABELS_SAFE, "text": None})]},
            422,
            "samples[0].labels.text",
            0,
        ),
        ({"samples": [sample() | {SECRET: 1}]}, 422, "samples[0]", 0),
        ({"samples": [], "profile": SECRET}, 422, "profile", None),
        ({"samples": [], "profile": ""}, 422, "profile", None),
        ({"samples": [], "detail": SECRET}, 422, "detail", None),
        ({"samples": [sample()] * 51}, 413, None, None),
        ({"samples": [sample(), sample("x" * 1_500_001)]}, 413, "samples[1].completion", 1),
        ({"samples": [sample("x" * 3_000_000)]}, 413, None, None),
    ],
)
def test_a_wrong_request_is_refused_naming_the_field_and_the_sample(
    client: httpx.Client, body: Any, status: int, field: str | None, index: int | None
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = client.post("/reward", content=content)
    assert reply.status_code == status, reply.text
    assert SECRET not in reply.text
    assert reply.json()["error"]
    for python in ("dictionary", "instance", "list"):
        assert python not in reply.text
    if field is not None:
        assert {"field": field, "sample": index} in [
            {"field": problem["field"], "sample": problem["sample"]}
            for problem in reply.json()["problems"]
        ]


def test_a_number_where_a_string_belongs_gets_what_to_send(client: httpx.Client) -> None:
    reply = client.post("/reward", json={"samples": [sample(id=7)]})
    assert reply.json()["error"] == "samples[0].id: must be a string"


@pytest.mark.parametrize("field", ["completion", "prompt"])
def test_null_where_a_string_belongs_gets_what_to_send(client: httpx.Client, field: str) -> None:
    reply = client.post("/reward", json={"samples": [sample(**{field: None})]})
    assert reply.json()["error"] == f'samples[0].{field}: must be a string; "" if there is none'


def test_a_body_sent_in_chunks_is_limited_too(client: httpx.Client) -> None:
    refused = (
        "safegrpo_rejected_total",
        frozenset({"status": "413", "reason": "body_size"}.items()),
    )
    before = statistics(str(client.base_url)).get(refused, 0.0)
    chunks = (b"x" * 100_000 for _ in range(100))
    with suppress(httpx.WriteError):  # the server may hang up before all is sent
        assert client.post("/reward", content=chunks).status_code == 413
    eventually(lambda: statistics(str(client.base_url)).get(refused, 0.0) == before + 1, seconds=30)
