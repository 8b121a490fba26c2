"""The warm-up: what counts in its loss, and that it goes down."""

from __future__ import annotations

import random

import torch

from train_client.policy.policy import Policy
from train_client.world.policy import build_model
from train_client.world.rules import Rules
from train_client.world.split import split_pairs
from train_client.world.warmup import (
    WarmupConfig,
    format_lesson,
    lesson_loss,
    skill_lesson,
    warm_up,
)


def test_only_the_reply_counts(untrained: Policy, rules: Rules) -> None:
    """The loss is that of each response's tokens on its own, weighed by their number."""
    rng, training = random.Random(0), split_pairs(rules)[0]
    lessons = [format_lesson(rules, training, rng), skill_lesson(rules, rng)]
    ends = [lesson.demonstration.response + untrained.tokenizer.eos_token for lesson in lessons]
    lengths = torch.tensor([float(len(untrained.tokenizer(end).input_ids)) for end in ends])
    with torch.no_grad():
        whole = lesson_loss(untrained, lessons)
        alone = torch.stack([lesson_loss(untrained, [lesson]) for lesson in lessons])
    torch.testing.assert_close(whole, (alone * lengths).sum() / lengths.sum())


def test_a_short_warm_up_lowers_the_loss(untrained: Policy, rules: Rules) -> None:
    policy = Policy(build_model(untrained.tokenizer, seed=3), untrained.processor)
    training = split_pairs(rules)[0]
    lessons = [format_lesson(rules, training, random.Random(n)) for n in range(8)]
    with torch.no_grad():
        before = lesson_loss(policy, lessons).item()
    config = WarmupConfig(steps=30, skill_share=0.2, skill_batch=4, format_batch=8)
    warm_up(policy, rules, training, config, seed=0)
    with torch.no_grad():
        after = lesson_loss(policy, lessons).item()
    assert after < 0.6 * before
    assert not policy.model.training
