"""NeMo Gym: its agent's request and reply models, and its aggregation."""

from typing import Any

import httpx
import pytest
from nemo_gym.config_types import AggregateMetrics
from nemo_gym.reward_profile import compute_aggregate_metrics
from responses_api_agents.simple_agent.app import (
    SimpleAgentVerifyRequest,
    SimpleAgentVerifyResponse,
)

from tests.app.protocols.services import UNSCORABLE
from tests.app.protocols.test_nemo_gym import message, row
from tests.rules.completions import REFUSAL, completion, unsafe

COMPLETIONS = [unsafe(), completion(REFUSAL, text="unsafe", combined="unsafe"), "no", unsafe()]


def verify(service: httpx.Client, body: dict[str, Any]) -> SimpleAgentVerifyResponse:
    """As `SimpleAgent.run` does it."""
    request = SimpleAgentVerifyRequest.model_validate(body)
    reply = service.post("/verify", json=request.model_dump(mode="json"))
    reply.raise_for_status()
    return SimpleAgentVerifyResponse.model_validate(reply.json())


def test_the_agents_models_take_the_reply_with_the_rows_columns(service: httpx.Client) -> None:
    for text, reward in zip(COMPLETIONS, (1.0, 0.875, 0.0, 1.0), strict=True):
        reply = verify(service, row(message(text)))
        extra = reply.model_extra or {}
        assert reply.reward == reward == sum(extra["reward_components"].values())
        assert extra["combine_tag"] == "unsafe"
        assert extra["instance_config"] == {"mask_sample": False}


def test_a_sample_to_leave_out_is_masked(judgeless: httpx.Client) -> None:
    extra = verify(judgeless, row(message(UNSCORABLE))).model_extra or {}
    assert extra["instance_config"] == {"mask_sample": True}


def test_metrics_are_aggregated_as_its_own_servers_do(service: httpx.Client) -> None:
    replies = []
    for index, text in enumerate(COMPLETIONS):
        place = {"_ng_task_index": index // 2, "_ng_rollout_index": index % 2}
        reply = verify(service, row(message(text))).model_dump(mode="json")
        replies.append({**reply, **place})
    theirs = compute_aggregate_metrics(replies)
    posted = service.post("/aggregate_metrics", json={"verify_responses": replies})
    ours = AggregateMetrics.model_validate(posted.json())
    assert ours.key_metrics == pytest.approx(theirs.key_metrics)
    assert ours.agent_metrics == pytest.approx(theirs.agent_metrics)
    for mine, yours in zip(ours.group_level_metrics, theirs.group_level_metrics, strict=True):
        assert mine == pytest.approx({name: yours[name] for name in mine})
