"""How good the policy is on held-out examples, scored by the same service as the training."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import wait
from dataclasses import dataclass

import torch

from app.schema import Result, Sample
from train_client.data.examples import Example
from train_client.data.prompts import TemplateKwargs, encode_prompts
from train_client.data.sources import DataError
from train_client.distributed import all_gather, is_main, raised_everywhere, rank, world_size
from train_client.policy.policy import Policy
from train_client.report.safety import reward_means, safety_table
from train_client.reward.client import RewardClient
from train_client.reward.errors import RewardError
from train_client.rollout.rollout import Ended, local_engine
from train_client.rollout.sampling import Sampling
from train_client.run.interrupt import POLL, Stop, Stopped, never

log = logging.getLogger(__name__)

BATCH = 64
"""Prompts completed at once, unless the caller says how many fit."""


@dataclass(frozen=True)
class CompletedExample:
    example: Example
    text: str
    finished: bool


def complete(
    policy: Policy,
    examples: Sequence[Example],
    sampling: Sampling,
    *,
    instruction: str = "",
    template_kwargs: TemplateKwargs = None,
    batch: int = BATCH,
    seed: int = 0,
    stop: Stop = never,
) -> list[CompletedExample]:
    """One completion for each example, `batch` prompts at a time.

    `instruction` is appended to every prompt, `template_kwargs` go to the chat template, and with
    `sampling.temperature` 0 the completions are greedy. Samples from a generator of its own, so
    that an evaluation does not affect training. Raises Stopped when `stop()` is true.
    """

    def on_ended(_: list[Ended]) -> None:
        if stop():
            raise Stopped

    engine = local_engine(policy)
    generator = torch.Generator(policy.device).manual_seed(seed)
    completions = []
    for start in range(0, len(examples), batch):
        chunk = examples[start : start + batch]
        prompts = encode_prompts(policy.processor, chunk, instruction, template_kwargs)
        rollout = engine.generate(prompts.to(policy.device), 1, sampling, generator, on_ended)
        finished = rollout.finished_R.tolist()
        for example, row, done in zip(chunk, rollout.rows(), finished, strict=True):
            completions.append(CompletedExample(example, policy.decode(row), done))
    return completions


def score_completions(
    rewards: RewardClient, completions: Sequence[CompletedExample], stop: Stop = never
) -> list[Result]:
    """The service's results, aligned with the completions; raises Stopped when `stop()` is true."""
    results = rewards.submit(
        [
            Sample(
                id=completion.example.id,
                completion=completion.text,
                prompt=completion.example.instruction,
                labels=completion.example.labels,
            )
            for completion in completions
        ]
    )
    while not wait([results], timeout=POLL).done:
        if stop():
            results.cancel()
            raise Stopped
    return results.result()


def evaluate(
    policy: Policy,
    rewards: RewardClient,
    examples: Sequence[Example],
    sampling: Sampling,
    stop: Stop = never,
    *,
    instruction: str = "",
    template_kwargs: TemplateKwargs = None,
    batch: int = BATCH,
) -> dict[str, float]:
    """Mean reward, its components and the safety table on `examples`, `batch` prompts at a time.

    Each process evaluates its share of them. Raises DataError if one of their images can no longer
    be read, and Stopped when `stop()` is true.
    """
    share = examples[rank() :: world_size()]
    with raised_everywhere(RewardError, Stopped, DataError):
        completions = complete(
            policy,
            share,
            sampling,
            instruction=instruction,
            template_kwargs=template_kwargs,
            batch=batch,
            stop=stop,
        )
        own_results = score_completions(rewards, completions, stop)
    own_labels = [completion.example.labels for completion in completions]
    shares = all_gather((own_results, own_labels))
    results = [result for results, _ in shares for result in results]
    labels = [label for _, labels in shares for label in labels]
    unscored = sum(result.reward is None for result in results)
    if unscored and is_main():
        log.warning(
            "The reward service could not score %d of %d held-out completions; the evaluation "
            "covers the others.",
            unscored,
            len(results),
        )
    return {**reward_means(results), **safety_table(results, labels)}
