"""OpenRLHF's remote reward format."""

import json
from typing import Any

import httpx
import pytest

from app.protocol import Scored
from app.protocols.openrlhf import OPENRLHF, OpenRLHFRequest, batch
from tests.app.local import SCORING
from tests.app.protocols.services import UNSCORABLE
from tests.app.serving import LABELS_SAFE, LABELS_UNSAFE, statistics
from tests.rules.completions import completion, unsafe

PROMPT = (
    "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>May I sleep here?<|im_end|>\n"
    "<|im_start|>assistant\n"
)


def post(service: httpx.Client, *rows: tuple[str, Any], prompt: str = PROMPT) -> Any:
    reply = service.post(
        "/openrlhf",
        json={
            "query": [query for query, _ in rows],
            "prompts": [prompt] * len(rows),
            "labels": [label for _, label in rows],
        },
    )
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_the_prompt_is_what_the_user_asked() -> None:
    wire = OpenRLHFRequest(query=[PROMPT + completion()], prompts=[PROMPT], labels=[LABELS_SAFE])
    assert [sample.prompt for sample in batch(wire).samples] == ["May I sleep here?"]


def test_prompt_and_trailing_special_tokens_are_no_part_of_the_completion(
    service: httpx.Client,
) -> None:
    reply = post(service, (PROMPT + completion() + "<|im_end|>", LABELS_SAFE))
    assert reply["rewards"] == reply["scores"] == [1.0]


def test_a_picture_may_be_many_placeholders_in_the_query_and_one_in_the_prompt(
    service: httpx.Client,
) -> None:
    query = PROMPT.replace("<|image_pad|>", "<|image_pad|>" * 256) + completion() + "<|im_end|>"
    assert post(service, (query, LABELS_SAFE))["rewards"] == [1.0]


def test_what_the_policy_repeats_stays_repeated() -> None:
    query = PROMPT.replace("<|image_pad|>", "<|image_pad|>" * 256)
    written = "<visual_safe><visual_safe>safe<|im_end|><|im_end|></visual_safe>"
    wire = OpenRLHFRequest(query=[query + written], prompts=[PROMPT], labels=[LABELS_SAFE])
    assert batch(wire).samples[0].completion == written


def test_a_prompt_repeated_by_the_policy_is_part_of_its_completion(service: httpx.Client) -> None:
    query = PROMPT.replace("<|image_pad|>", "<|image_pad|>" * 4) + PROMPT + completion()
    assert post(service, (query, LABELS_SAFE))["rewards"] == [0.0]


def test_a_truncated_prompt_is_refused_rather_than_scored_with_the_completion(
    service: httpx.Client,
) -> None:
    body = {"query": [PROMPT[9:] + completion()], "prompts": [PROMPT], "labels": [LABELS_SAFE]}
    reply = service.post("/openrlhf", json=body)
    assert reply.status_code == 422
    assert reply.json()["problems"][0]["field"] == "query[0]"
    assert "sleep" not in reply.text


def test_one_sample_and_many_are_answered_alike_with_logs_of_the_same_keys(
    service: httpx.Client,
) -> None:
    labels = json.dumps({"image_tag": "safe", "text_tag": "safe", "combine_tag": "unsafe"})
    rows = [(PROMPT + unsafe(), labels), (PROMPT + "no", LABELS_UNSAFE), (PROMPT, labels)]
    reply = post(service, *rows)
    assert reply["rewards"] == [1.0, 0.0, 0.0]
    assert reply["extra_logs"] == {
        "format": [0.0, 0.0, 0.0],
        "tag": [0.5, 0.0, 0.0],
        "behavior": [0.5, 0.0, 0.0],
        "raw_format": [1.0, 0.0, 0.0],
        "raw_tag": [1.0, 0.0, 0.0],
        "raw_behavior": [1.0, 0.0, 0.0],
    }
    assert [post(service, row)["rewards"][0] for row in rows] == reply["rewards"]


def test_empty_lists_are_answered_with_empty_lists(service: httpx.Client) -> None:
    assert post(service) == {"rewards": [], "scores": [], "extra_logs": {}}


@pytest.mark.parametrize("label", [None, "safe", "{}", {"visual": "safe"}, 3])
def test_a_label_that_is_none_names_its_place(service: httpx.Client, label: Any) -> None:
    body = {"query": ["a", "b"], "prompts": ["", ""], "labels": [LABELS_SAFE, label]}
    reply = service.post("/openrlhf", json=body)
    assert reply.status_code == 422
    assert reply.json()["problems"][0]["field"] == "labels[1]"
    assert reply.json()["problems"][0]["sample"] == 1


def test_a_query_that_is_no_text_names_its_place(service: httpx.Client) -> None:
    body = {"query": ["a", 5], "prompts": ["", ""], "labels": [LABELS_SAFE] * 2}
    (problem,) = service.post("/openrlhf", json=body).json()["problems"]
    assert (problem["field"], problem["sample"]) == ("query[1]", 1)


def test_lists_of_different_lengths_are_refused(service: httpx.Client) -> None:
    reply = service.post("/openrlhf", json={"query": ["a"], "prompts": [], "labels": [None]})
    assert reply.status_code == 422
    assert reply.json()["problems"][0]["field"] == "prompts"


def test_a_sample_that_we_cannot_score_is_asked_again_rather_than_zero(
    judgeless: httpx.Client,
) -> None:
    address = str(judgeless.base_url)
    labels = {"profile": "judged", "status": "service_error"}
    series = ("safegrpo_samples_total", frozenset(labels.items()))
    before = statistics(address).get(series, 0)
    body = {"query": [unsafe(), UNSCORABLE], "prompts": [""] * 2, "labels": [LABELS_UNSAFE] * 2}
    reply = judgeless.post("/openrlhf", json=body)
    assert reply.status_code == 503
    assert "Retry-After" in reply.headers
    assert reply.json()["error"].startswith("not all of the samples could be scored now")
    assert statistics(address)[series] == before + 1


def test_a_token_that_the_policy_repeats_after_the_prompt_is_the_policys() -> None:
    wire = OpenRLHFRequest(
        query=["May I?<|x|><|x|>No."], prompts=["May I?<|x|>"], labels=[LABELS_SAFE]
    )
    (sample,) = batch(wire).samples
    assert sample.completion == "<|x|>No."


def test_scores_are_the_rewards_within_0_and_1() -> None:
    wire = OpenRLHFRequest(query=["", "", ""], prompts=["", "", ""], labels=[LABELS_SAFE] * 3)
    scorer = SCORING.scorer(None)
    rewards = [-0.5, 0.25, 1.5]
    scores = [scorer.service_error()._replace(reward=reward) for reward in rewards]
    said = OPENRLHF.reply(wire, Scored(scorer, batch(wire), scores))
    assert (said["rewards"], said["scores"]) == (rewards, [0.0, 0.25, 1.0])
