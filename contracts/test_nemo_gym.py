"""NeMo Gym: its agent's request and reply models, its aggregation, and how it starts us."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from nemo_gym.config_types import AggregateMetrics
from nemo_gym.global_config import GlobalConfigDictParser
from nemo_gym.reward_profile import compute_aggregate_metrics
from omegaconf import OmegaConf
from responses_api_agents.simple_agent.app import (
    SimpleAgentVerifyRequest,
    SimpleAgentVerifyResponse,
)

from contracts.recipes import EXAMPLES
from tests.app.protocols.rollouts import message, row
from tests.app.protocols.services import UNSCORABLE
from tests.app.serving import wait_ready
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


def test_its_configuration_takes_our_example_and_its_entry_point_starts_the_service() -> None:
    """The entry point gets what `gym env start` gives it: the folder and the environment."""
    model = {"responses_api_models": {"vllm_model": {"entrypoint": "app.py"}}}
    config: Any = OmegaConf.load(EXAMPLES / "nemo_gym/safegrpo.yaml")
    config["policy_model"] = model
    parser = GlobalConfigDictParser()
    servers = parser.filter_for_server_instance_configs(config)
    assert {server.name for server in servers} == {"safegrpo", "safegrpo_agent", "policy_model"}
    parser.validate_and_populate_defaults(servers, "127.0.0.1", 10001, 20000)
    ours = config.safegrpo.resources_servers.safegrpo
    folder = EXAMPLES / "nemo_gym/resources_servers/safegrpo"
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(folder),
        "NEMO_GYM_CONFIG_PATH": "safegrpo",
        "NEMO_GYM_CONFIG_DICT": OmegaConf.to_yaml(config),
    }
    command = [sys.executable, ours.entrypoint]
    process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL)
    try:
        address = f"http://{ours.host}:{ours.port}"
        wait_ready(address, process)
        served = httpx.get(f"{address}/profiles").json()
        assert [one["name"] for one in served if one["default"]] == ["paper"]
    finally:
        process.terminate()
        process.wait(20)
