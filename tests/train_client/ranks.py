"""One of two processes that train together, for test_distributed; torchrun starts it.

    ranks.py CONFIG BASE

The engine answers by a rule of (prompt, member) instead of by chance, since what matters here is
that the same completions give the same weights however many processes share them. Only where vLLM
is asked for does its stand-in answer.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch

from app.schema import Labels
from tests.train_client import vllm_standin
from train_client.config.file import load_config
from train_client.config.train_config import TrainConfig
from train_client.data.examples import Example, ExampleWithResponse
from train_client.data.prompts import Prompts
from train_client.distributed import joined, shard
from train_client.learning.retention import Retention
from train_client.policy.policy import Policy, load_policy
from train_client.reward.client import RewardClient
from train_client.rollout.rollout import Rollout
from train_client.run.train import Trainer


class Rule:
    """Completions that depend on the prompt and the member's place in its group alone."""

    def generate(self, prompts: Prompts, group: int, *_: Any) -> Rollout:
        mask_PS = prompts.inputs["attention_mask"]
        sums = (prompts.inputs["input_ids"] * mask_PS).sum(1).tolist()
        rows = [
            [3 + (s * (m + 2) + 5 * t) % 26 for t in range(3 + (s + m) % 4)]
            for s in sums
            for m in range(group)
        ]
        length = max(map(len, rows))
        mask_RT = torch.tensor([[t < len(row) for t in range(length)] for row in rows])
        tokens_RT = torch.tensor([row + [0] * (length - len(row)) for row in rows])
        # Of some prompts the first completion is cut.
        finished_R = torch.tensor([s % 2 == 0 or m > 0 for s in sums for m in range(group)])
        return Rollout(tokens_RT, mask_RT, -1.5 * mask_RT, finished_R)


def examples() -> list[Example]:
    labels = Labels(visual="safe", text="safe", combined="unsafe")
    words = ("tell me", "show it", "what is", "go on", "sit here", "a b c", "more", "and so")
    return [Example(id=word, instruction=word, labels=labels) for word in words]


def general() -> list[ExampleWithResponse]:
    """General rows, whose shares are of different lengths."""
    texts = ("a cat", "no idea at all", "one", "so", "well then", "two of a kind", "x", "a bit")
    return [ExampleWithResponse(e, text) for e, text in zip(examples(), texts, strict=True)]


def train(config: TrainConfig) -> Policy:
    """Train the policy at `policy.path` as `run_training` does, but with the engines above."""
    torch.manual_seed(config.run.seed)
    policy = load_policy(config.policy, reference=config.algorithm.beta > 0)
    for model in filter(None, (policy.model, policy.reference)):
        shard(model)
    engine = Rule() if config.rollout.engine == "local" else None
    kept = Retention(config.retention, policy, general(), seed=0) if config.retention.data else None
    with RewardClient(config.reward) as rewards:
        outcome = Trainer(config, policy, examples(), rewards, engine=engine, retention=kept).run()
    assert outcome.finished, outcome.reason
    return policy


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.modules["vllm"] = vllm_standin.MODULE
    with joined("cpu", deadline=60):
        for arguments in sys.argv[1:]:
            path, *overrides = arguments.split()
            train(load_config(Path(path), overrides))
