"""OpenRLHF: its remote-reward client, the current one and one that sends empty batches."""

import argparse
import ast
import asyncio
import importlib.util
import json
import sys
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openrlhf
import pytest
from openrlhf.utils import agent as current

from contracts.recipes import arguments
from tests.app.serving import LABELS_UNSAFE
from tests.rules.completions import unsafe
from train_client.world.policy import build_processor
from train_client.world.rules import load_rules

OLDER = Path(__file__).parents[1] / ".contracts/openrlhf-0.9.10/openrlhf/utils/agent.py"
LABEL = json.dumps(LABELS_UNSAFE)
PROMPT = "<|im_start|>user\nMay I?<|im_end|>\n<|im_start|>assistant\n"


def older() -> Any:
    """The module of version 0.9.10."""
    spec = importlib.util.spec_from_file_location("older_agent", OLDER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fetch(client: Any, urls: list[str], queries: list[str]) -> list[dict[str, Any]]:
    async def work() -> list[dict[str, Any]]:
        executor = client.SingleTurnAgentExecutor(urls)
        count = len(queries)
        replies: list[dict[str, Any]] = await executor._fetch_rewards_via_http(
            queries, [PROMPT] * count, [LABEL] * count
        )
        return replies

    return asyncio.run(work())


@pytest.mark.parametrize("servers", [1, 2])
@pytest.mark.parametrize("client", [current, pytest.param(None, id="0.9.10")])
def test_batches_are_sharded_over_one_address_or_two(url: str, servers: int, client: Any) -> None:
    queries = [PROMPT + unsafe(), PROMPT + "no", PROMPT + unsafe() + "<|im_end|>"]
    replies = fetch(client or older(), [f"{url}/openrlhf"] * servers, queries)
    assert [reward for reply in replies for reward in reply["rewards"]] == [1.0, 0.0, 1.0]


@pytest.mark.parametrize("client", [current, pytest.param(None, id="0.9.10")])
def test_key_profile_and_run_are_in_the_address(keyed: str, client: Any) -> None:
    (reply,) = fetch(client or older(), [keyed % "/openrlhf"], [PROMPT + unsafe()])
    assert reply["rewards"] == [1.0]


def test_the_older_client_sends_empty_batches_to_the_other_addresses(url: str) -> None:
    replies = fetch(older(), [f"{url}/openrlhf"] * 3, [PROMPT + unsafe()])
    assert [reply["rewards"] for reply in replies] == [[1.0], [], []]


def test_a_rollout_ends_with_reward_score_and_logs(url: str) -> None:
    """The whole single-turn executor: tokenise, generate, decode with special tokens, score."""
    tokenizer = build_processor(load_rules()).tokenizer
    said = tokenizer(unsafe())["input_ids"] + [tokenizer.eos_token_id]

    async def generate(*_: Any, **__: Any) -> Any:
        output = SimpleNamespace(token_ids=said, finish_reason="stop", logprobs=None)
        return SimpleNamespace(outputs=[output])

    executor = current.SingleTurnAgentExecutor([f"{url}/openrlhf"])
    sampling = SimpleNamespace(max_tokens=len(said), logprobs=None)
    engine = SimpleNamespace(generate=generate)
    output = asyncio.run(executor.execute(PROMPT, LABEL, sampling, 4096, tokenizer, engine))
    assert output["reward"] == [1.0]
    assert output["scores"] == [1.0]
    assert output["extra_logs"]["behavior"] == [0.5]


def test_openrlhf_accepts_the_recipes_arguments(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str
) -> None:
    """Its script's own parser and checks, without the models that it imports for the training."""
    monkeypatch.setenv("URL", url)
    monkeypatch.setattr(sys, "argv", ["train_ppo_ray", *arguments("openrlhf_grpo.sh", tmp_path)])
    source = Path(openrlhf.__path__[0]) / "cli/train_ppo_ray.py"
    (script,) = (node for node in ast.parse(source.read_text()).body if isinstance(node, ast.If))
    assert ast.unparse(script.body.pop()) == "train(args)"
    names: dict[str, Any] = {"__name__": "__main__", "argparse": argparse, "datetime": datetime}
    exec(compile(ast.Module([script], []), source, "exec"), names)
    given = names["args"]
    assert given.reward.remote_url == [f"{url}/openrlhf"]
    assert given.data.apply_chat_template
    assert given.data.max_images_per_prompt == 1
    assert given.vllm.num_engines == given.actor.num_gpus_per_node == given.ref.num_gpus_per_node
