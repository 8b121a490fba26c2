"""TRL: a real `GRPOTrainer` run on a small Qwen3-VL, and the asynchronous trainer's scoring."""

import asyncio
import math
import multiprocessing
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from accelerate import PartialState
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer
from trl.experimental.async_grpo.async_rollout_worker import (
    RolloutGroup,
    TrainingSequence,
    _AsyncRolloutLoop,
)

from contracts.conftest import address
from tests.app.protocols.services import UNSCORABLE
from tests.app.serving import LABELS_UNSAFE
from tests.rules.completions import REFUSAL, completion, unsafe
from train_client.integrations.for_trl import SafetyReward
from train_client.world.cases import draw_cases
from train_client.world.policy import build_model, build_processor
from train_client.world.rules import load_rules
from train_client.world.split import split_pairs

TAGS = {"image_tag": "safe", "text_tag": "safe", "combine_tag": "unsafe"}
GROUP = [
    unsafe(),
    completion(REFUSAL, text="unsafe", combined="unsafe"),
    "no structure",
    UNSCORABLE,
]
"""Rewards 1, 0.875, 0, and none."""


def trainer(reward: SafetyReward, folder: Any) -> GRPOTrainer:
    """Everything is TRL's but what the policy says: it says `GROUP` for each prompt."""
    rules = load_rules()
    processor = build_processor(rules)
    model: Any = build_model(processor.tokenizer, seed=0)
    tokenizer = processor.tokenizer
    said = [tokenizer(text)["input_ids"] + [tokenizer.eos_token_id] for text in GROUP]
    longest = max(map(len, said))
    rows = [ids + [tokenizer.pad_token_id] * (longest - len(ids)) for ids in said]

    def generate(input_ids: torch.Tensor, **_: Any) -> torch.Tensor:
        completions = torch.tensor(rows * (len(input_ids) // len(rows)))
        return torch.cat([input_ids, completions], dim=1)

    model.generate = generate
    training, _ = split_pairs(rules)
    examples = [case.example(rules) for case in draw_cases(rules, training[:4], 1, seed=0)]
    dataset = Dataset.from_list(
        [
            {
                "prompt": [{"role": "user", "content": example.instruction}],
                "image": example.images[0],
                **TAGS,
            }
            for example in examples
        ]
    )
    config = GRPOConfig(
        output_dir=str(folder),
        max_steps=3,
        per_device_train_batch_size=4,
        num_generations=4,
        max_completion_length=longest,
        learning_rate=1e-3,
        logging_steps=1,
        report_to="none",
        save_strategy="no",
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
    )
    return GRPOTrainer(
        model=model,
        reward_funcs=reward,
        args=config,
        train_dataset=dataset,
        processing_class=processor,
    )


def test_a_run_logs_rewards_and_components_and_masks_what_could_not_be_scored(
    judgeless: httpx.Client, tmp_path: Any
) -> None:
    run = trainer(SafetyReward(url=address(judgeless), profile="judged"), tmp_path)
    before = {name: weight.detach().clone() for name, weight in run.model.named_parameters()}
    run.train()
    steps = [line for line in run.state.log_history if "reward" in line]
    assert len(steps) == 3
    for line in steps:
        assert line["reward"] == pytest.approx((1 + 0.875 + 0) / 3)
        assert line["rewards/safegrpo/mean"] == pytest.approx(0.625)
        assert line["safegrpo/unscored"] == 0.25
        assert line["safegrpo/raw_format"] == pytest.approx(2 / 3)
        assert line["safegrpo/behavior"] == pytest.approx(1 / 3)
        assert line["grad_norm"] > 0
    logs = run._logs
    assert math.isnan(logs["rewards"]["safegrpo"][3])
    assert logs["advantages"][3] == 0
    scored = np.array([1.0, 0.875, 0.0])
    wanted = (scored - scored.mean()) / (scored.std(ddof=1) + 1e-4)
    assert list(logs["advantages"])[:3] == pytest.approx(list(wanted), abs=1e-4)
    assert list(logs["extra"]["status"])[:4] == ["ok", "ok", "policy_invalid", "service_error"]
    assert any(not torch.equal(before[name], w) for name, w in run.model.named_parameters())


def group(completions: list[str], columns: dict[str, list[Any]]) -> RolloutGroup:
    """What the asynchronous trainer's worker scores: a group of conversations."""
    count = len(completions)
    row = TrainingSequence(rollout_id="r", input_ids=[1], completion_mask=[1], old_log_probs=[0.0])
    return RolloutGroup(
        prompts=[[{"role": "user", "content": "May I?"}]] * count,
        reward_kwargs=columns,
        completions=[[{"role": "assistant", "content": text}] for text in completions],
        completions_ids=[[1]] * count,
        completions_sequences=[[row]] * count,
        tool_call_counts=[0] * count,
        tool_failure_counts=[0] * count,
        model_version=0,
        group_id=0,
        env_rewards=[None] * count,
        rollout_rewards=[None] * count,
    )


def scored(reward: SafetyReward, columns: dict[str, list[Any]]) -> list[tuple[float, float]]:
    """Reward and advantage of `GROUP`, by the asynchronous worker's own method."""
    PartialState(cpu=True)  # as the worker's process begins
    worker = SimpleNamespace(
        reward_funcs=[reward],
        reward_func_names=[reward.__name__],
        _env_reward_types=[],
        _provides_rollout_reward=False,
    )
    score = _AsyncRolloutLoop._score_group
    # `worker` is none of TRL's, but has what this method reads.
    samples = asyncio.run(score(worker, group(GROUP, columns)))
    return [(sample.metrics["reward"], sample.advantage) for sample in samples]


def test_the_asynchronous_trainer_scores_a_pickled_reward_in_its_own_process(
    judgeless: httpx.Client,
) -> None:
    reward = SafetyReward(url=address(judgeless), profile="judged")
    columns = {"labels": [LABELS_UNSAFE] * len(GROUP)}
    assert pickle.loads(pickle.dumps(reward)).rewards.config == reward.rewards.config
    with multiprocessing.get_context("spawn").Pool(1) as process:
        (right, half, malformed, lost) = process.apply(scored, (reward, columns))
    assert (right[0], half[0], malformed[0]) == (1.0, 0.875, 0.0)
    assert right[1] > 0 > malformed[1]
    assert math.isnan(lost[0])
    assert lost[1] == 0


def test_the_example_runs(judgeless: httpx.Client, tmp_path: Any) -> None:
    script = Path(__file__).parents[1] / "examples" / "trl_world.py"
    options = ["--steps", "1", "--warmup", "2", "--output", str(tmp_path)]
    ran = subprocess.run(
        [sys.executable, script, "--url", address(judgeless), *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "mean reward of the first 1 steps" in ran.stdout, ran.stderr[-3000:]
