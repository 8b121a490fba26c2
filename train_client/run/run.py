"""A run from its configuration: load the policy and the data, ask the service, train."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch

from train_client.config.errors import ConfigError
from train_client.config.sections import RetentionConfig
from train_client.config.train_config import TrainConfig
from train_client.data.examples import Example, ExampleWithResponse, load_both, load_responses
from train_client.data.prompts import Prompts, encode_prompts
from train_client.data.screening import screened_rows
from train_client.distributed import prompts_per_process, shard, world_size
from train_client.learning.retention import Retention
from train_client.policy.policy import Policy, load_policy
from train_client.reward.client import RewardClient
from train_client.rollout.sampling import Sampling
from train_client.run.evaluation import BATCH, evaluate
from train_client.run.lock import only_run_in
from train_client.run.outcome import Outcome
from train_client.run.train import Trainer
from train_client.saved.best import refuse_unknown_metric
from train_client.saved.checkpoint import claim_run_folder
from train_client.saved.config import refuse_foreign_config, refuse_other_held_out_rows

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Rows:
    """All that a run reads before it loads its policy."""

    training: list[Example]
    held_out: list[Example]
    general: list[ExampleWithResponse]
    """The rows of `retention.data`."""


def run_training(config: TrainConfig) -> Outcome:
    """Everything `safegrpo train` does. Raises ConfigError, DataError, RewardError."""
    with only_run_in(config.run.output):
        return _run(config)


def _run(config: TrainConfig) -> Outcome:
    _check(config)  # before all that takes long
    rows = _read_rows(config)
    with RewardClient(config.reward, run=config.run.output.name) as rewards:
        profile = rewards.profile()
        instruction = profile.instruction if config.data.append_instruction else ""
        policy = _sharded_policy(config, reference=config.algorithm.beta > 0 or bool(rows.general))
        template_kwargs = config.data.chat_template_kwargs
        encode = partial(
            encode_prompts,
            policy.processor,
            instruction=instruction,
            template_kwargs=template_kwargs,
        )
        held_out = screened_rows("held-out rows", encode, rows.held_out, config.data)
        retention = _retention(config, policy, rows.general)
        evaluation = partial(
            evaluate,
            policy,
            rewards,
            held_out,
            Sampling(max_tokens=config.rollout.max_tokens, temperature=0),
            instruction=instruction,
            template_kwargs=template_kwargs,
            batch=rows_at_once(config),
        )
        return Trainer(
            config,
            policy,
            rows.training,
            rewards,
            instruction=instruction,
            evaluate=evaluation if held_out else None,
            retention=retention,
        ).run()


def _read_rows(config: TrainConfig) -> _Rows:
    """Raises DataError, and ConfigError where several processes could not train on them."""
    training, held_out = load_both(config.data, seed=config.run.seed)
    general = load_responses(config.data, config.retention.data) if config.retention.data else []
    _refuse_mixed("data.train", training)
    _refuse_mixed("retention.data", [row.example for row in general])
    if config.run.evaluate_every and not held_out:
        log.warning(
            "Nothing will be evaluated, whatever run.evaluate_every says: there are no held-out "
            "rows. Set data.test or data.hold_out."
        )
    return _Rows(training, held_out, general)


def _check(config: TrainConfig) -> None:
    """What can be said of a run before anything is read; makes its folder."""
    claim_run_folder(config.run)
    refuse_foreign_config(config.run.output)
    refuse_other_held_out_rows(config)
    refuse_unknown_metric(config.run)
    _refuse_idle_retention(config.retention)
    updates = config.run.steps * config.updates_per_step
    if config.optimizer.warmup_steps >= updates:
        log.warning(
            "optimizer.warmup_steps=%d lasts the whole run, which makes %d updates (run.steps x "
            "optimizer.minibatches x algorithm.updates_per_batch), so that the learning rate comes "
            "to optimizer.lr with the last of them at best.",
            config.optimizer.warmup_steps,
            updates,
        )


def _sharded_policy(config: TrainConfig, *, reference: bool) -> Policy:
    # An adapter starts from random numbers, which the seed decides.
    torch.manual_seed(config.run.seed)
    policy = load_policy(config.policy, reference=reference)
    for model in filter(None, (policy.model, policy.reference)):
        shard(model)
    return policy


def _retention(
    config: TrainConfig, policy: Policy, general: Sequence[ExampleWithResponse]
) -> Retention | None:
    """Retention on the general rows whose prompts can be used; None without general rows."""
    if not general:
        return None
    template_kwargs = config.retention.chat_template_kwargs
    image = getattr(policy.processor, "image_token", None)
    responses = {id(row.example): row.response for row in general}

    def encode(examples: Sequence[Example]) -> Prompts:
        if image and any(image in responses[id(example)] for example in examples):
            raise ValueError(f"its response has {image}, which stands for an image")
        return encode_prompts(policy.processor, examples, template_kwargs=template_kwargs)

    examples = [row.example for row in general]
    kept = screened_rows("rows of retention.data", encode, examples, config.data)
    usable = set(map(id, kept))
    rows = [row for row in general if id(row.example) in usable]
    return Retention(config.retention, policy, rows, seed=config.run.seed)


def rows_at_once(config: TrainConfig) -> int:
    """Held-out rows that are completed at once: no more than a rollout samples at once."""
    rollout = config.rollout
    if rollout.prompts_per_pass:
        return rollout.prompts_per_pass * rollout.group_size
    return min(prompts_per_process(config) * rollout.group_size, BATCH)


def _refuse_idle_retention(config: RetentionConfig) -> None:
    """As `config.checks` does with other keys that would change nothing.

    It is not one of those checks because the demo brings general rows of its own, without a file.
    """
    if not config.data and config != RetentionConfig():
        raise ConfigError(
            "retention does nothing without retention.data; give its rows, or leave it out."
        )


def _refuse_mixed(key: str, examples: Sequence[Example]) -> None:
    """Sharded vision blocks are gathered when they run, by all processes at once or by none.

    A process whose passes hold no image would never come to where the others wait for it.
    """
    without = sum(not example.pictures for example in examples)
    if world_size() > 1 and 0 < without < len(examples):
        raise ConfigError(
            f"{without} of {len(examples)} rows of {key} have no image. Several processes need "
            "images in all rows or in none; leave those rows out, or train with one process."
        )
