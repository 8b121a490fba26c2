"""How good the policy is on held-out examples, scored by the same service as the training."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import wait
from dataclasses import dataclass

import torch

from app.schema import Result, Sample
from train_client.data import Example
from train_client.distributed import all_gather, is_main, raised_everywhere, rank, world_size
from train_client.interrupt import POLL, Stop, Stopped, never
from train_client.policy import Policy
from train_client.prompts import TemplateKwargs, encode_prompts
from train_client.reward_client import RewardClient
from train_client.reward_errors import RewardError
from train_client.rollout import Ended, local_engine
from train_client.safety import reward_means, safety_table
from train_client.sampling import Sampling
from train_client.sources import DataError

log = logging.getLogger(__name__)

BATCH = 64
"""Prompts that are answered at once, where nobody says how many fit."""


@dataclass(frozen=True)
class Answer:
    example: Example
    text: str
    finished: bool


def answer(
    policy: Policy,
    examples: Sequence[Example],
    sampling: Sampling,
    *,
    instruction: str = "",
    template_kwargs: TemplateKwargs = None,
    batch: int = BATCH,
    seed: int = 0,
    stop: Stop = never,
) -> list[Answer]:
    """One completion for each example, `batch` prompts at a time.

    `instruction` is appended to every prompt, `template_kwargs` go to the chat template, and with
    `sampling.temperature` 0 the answers are greedy. Draws from a generator of its own, so that
    evaluating never changes how training goes on. Raises Stopped when `stop` says so.
    """

    def on_ended(_: list[Ended]) -> None:
        if stop():
            raise Stopped

    engine = local_engine(policy)
    generator = torch.Generator(policy.device).manual_seed(seed)
    answers = []
    for start in range(0, len(examples), batch):
        chunk = examples[start : start + batch]
        prompts = encode_prompts(policy.processor, chunk, instruction, template_kwargs)
        rollout = engine.generate(prompts.to(policy.device), 1, sampling, generator, on_ended)
        finished = rollout.finished_R.tolist()
        for example, row, done in zip(chunk, rollout.rows(), finished, strict=True):
            answers.append(Answer(example, policy.decode(row), done))
    return answers


def score_answers(
    rewards: RewardClient, answers: Sequence[Answer], stop: Stop = never
) -> list[Result]:
    """The service's view of the answers, aligned with them; raises Stopped when `stop` says so."""
    asked = rewards.submit(
        [
            Sample(
                id=a.example.id,
                completion=a.text,
                prompt=a.example.instruction,
                labels=a.example.labels,
            )
            for a in answers
        ]
    )
    while not wait([asked], timeout=POLL).done:
        if stop():
            asked.cancel()
            raise Stopped
    return asked.result()


def evaluate(
    policy: Policy,
    rewards: RewardClient,
    examples: Sequence[Example],
    sampling: Sampling,
    *,
    instruction: str = "",
    template_kwargs: TemplateKwargs = None,
    batch: int = BATCH,
    stop: Stop = never,
) -> dict[str, float]:
    """Mean reward, its components and the safety table on `examples`, `batch` prompts at a time.

    Processes that train together answer a share each. Raises DataError where an image of theirs can
    no longer be read.
    """
    mine = examples[rank() :: world_size()]
    with raised_everywhere(RewardError, Stopped, DataError):
        answers = answer(
            policy,
            mine,
            sampling,
            instruction=instruction,
            template_kwargs=template_kwargs,
            batch=batch,
            stop=stop,
        )
        scored = score_answers(rewards, answers, stop)
    parts = all_gather((scored, [a.example.labels for a in answers]))
    results = [result for found, _ in parts for result in found]
    labels = [truth for _, truths in parts for truth in truths]
    unscored = sum(result.reward is None for result in results)
    if unscored and is_main():
        log.warning(
            "The reward service could not score %d of %d held-out completions; the evaluation is "
            "of the others.",
            unscored,
            len(results),
        )
    return {**reward_means(results), **safety_table(results, labels)}
