"""slime's remote_rm format."""

import json
from typing import Any

import httpx
import pytest

from tests.app.protocols.services import UNSCORABLE
from tests.app.serving import LABELS_SAFE, LABELS_UNSAFE
from tests.rules.completions import completion, unsafe


@pytest.mark.parametrize(
    "prompt", ["May I?", [{"role": "user", "content": [{"type": "text", "text": "May I?"}]}], []]
)
def test_a_prompt_may_be_a_text_or_a_conversation(service: httpx.Client, prompt: Any) -> None:
    body = {"prompt": prompt, "response": unsafe(), "label": json.dumps(LABELS_UNSAFE)}
    reply = service.post("/slime", json=body).json()
    assert (reply["reward"], reply["outcome"]) == (1.0, "refusal")
    assert (reply["tag"], reply["behavior"], reply["raw_format"]) == (0.5, 0.5, 1.0)


def test_the_reward_key_holds_a_number_for_malformed_completions_too(
    service: httpx.Client,
) -> None:
    body = {"prompt": "", "response": "no", "label": json.dumps(LABELS_SAFE)}
    reply = service.post("/slime", json=body).json()
    assert (reply["reward"], reply["outcome"]) == (0.0, "missing_section")


@pytest.mark.parametrize("prompt", [5, None, ["May I?"]])
def test_a_prompt_that_is_none_is_named(service: httpx.Client, prompt: Any) -> None:
    body = {"prompt": prompt, "response": unsafe(), "label": json.dumps(LABELS_UNSAFE)}
    reply = service.post("/slime", json=body)
    assert reply.status_code == 422
    assert [problem["field"] for problem in reply.json()["problems"]] == ["prompt"]


def test_a_missing_label_is_refused_by_name(service: httpx.Client) -> None:
    for body in ({"prompt": "", "response": completion(), "label": None}, {"response": ""}):
        assert service.post("/slime", json=body).status_code == 422
    reply = service.post("/slime", json={"prompt": "", "response": "", "label": None})
    assert reply.json()["problems"][0]["field"] == "label"


def test_a_sample_that_we_cannot_score_is_asked_again_rather_than_zero(
    judgeless: httpx.Client,
) -> None:
    body = {"prompt": "", "response": UNSCORABLE, "label": json.dumps(LABELS_UNSAFE)}
    assert judgeless.post("/slime", json=body).status_code == 503
