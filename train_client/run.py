"""A run from its configuration: load the policy and the data, ask the service, train."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import torch

from train_client.config import TrainConfig
from train_client.data import load_examples, load_replies
from train_client.distributed import shard
from train_client.evaluation import evaluate
from train_client.policy import load_policy
from train_client.retention import Retention
from train_client.reward_client import RewardClient
from train_client.sampling import Sampling
from train_client.train import Outcome, Trainer

log = logging.getLogger(__name__)


def run_training(config: TrainConfig) -> Outcome:
    """Everything `safegrpo train` does. Raises ConfigError, DataError, RewardError."""
    examples = load_examples(config.data).examples
    held_out = load_examples(config.data, config.data.test).examples if config.data.test else []
    general = load_replies(config.data, config.retention.data) if config.retention.data else []
    with RewardClient(config.reward, run=config.run.output.name) as rewards:
        profile = rewards.profile()
        instruction = profile.instruction if config.data.append_instruction else ""
        # An adapter starts from random numbers, which the seed decides.
        torch.manual_seed(config.run.seed)
        policy = load_policy(config.policy, reference=config.algorithm.beta > 0 or bool(general))
        for model in filter(None, (policy.model, policy.reference)):
            shard(model)
        sampling = Sampling(max_tokens=config.rollout.max_tokens, temperature=0)

        def held_out_evaluation(step: int) -> Mapping[str, float]:
            return evaluate(policy, rewards, held_out, sampling, instruction=instruction)

        trainer = Trainer(
            config,
            policy,
            examples,
            rewards,
            instruction=instruction,
            evaluate=held_out_evaluation if held_out else None,
            retention=Retention(config.retention, policy, general, seed=config.run.seed)
            if general
            else None,
        )
        return trainer.run()
