"""The supervised warm-up: it teaches to recognise and count objects and to write the format.

It teaches nothing about safety. Two kinds of batches are mixed at random: skill (a short response
that names and counts what is drawn) and format (a whole demonstration with coin-flip verdicts).
Held-out pairs never occur.

Shapes: B lessons, T tokens of the longest response, V vocabulary.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from train_client.data.examples import Example, ExampleWithResponse
from train_client.data.prompts import encode_responses, prompt_text
from train_client.policy.logprobs import chosen_logprobs
from train_client.policy.policy import Policy
from train_client.report.progress import Bar
from train_client.world.language import Demonstrate, demonstration, toss_verdicts
from train_client.world.policy import NO_THINKING, build_model, build_processor
from train_client.world.rules import Rules
from train_client.world.scene import COUNTS, Scene
from train_client.world.skill import skill_case
from train_client.world.split import Pair, split_pairs


@dataclass(frozen=True, kw_only=True)
class WarmupConfig:
    """Length, batches and learning rate."""

    steps: int = 600
    skill_share: float = 0.45
    """Share of the steps whose batch is skill rather than format."""

    skill_batch: int = 40
    """Lessons of a skill batch."""
    format_batch: int = 32
    lr: float = 2e-3
    """Peak learning rate, after 30 steps of linear warm-up; cosine decay to a fiftieth follows."""


@dataclass(frozen=True)
class Lesson:
    """A prompt with its picture, and the response to imitate."""

    demonstration: ExampleWithResponse
    thinking: bool
    """Whether the prompt opens the thinking."""


def warm_policy(
    rules: Rules, config: WarmupConfig, *, seed: int, demonstrate: Demonstrate = demonstration
) -> Policy:
    """A new policy, warmed up on the training pairs, without a reference.

    `demonstrate` makes the responses of format batches.
    """
    processor = build_processor(rules, demonstrate)
    policy = Policy(build_model(processor.tokenizer, seed), processor)
    warm_up(policy, rules, split_pairs(rules)[0], config, seed=seed, demonstrate=demonstrate)
    return policy


def format_lesson(
    rules: Rules,
    pairs: Sequence[Pair],
    rng: random.Random,
    demonstrate: Demonstrate = demonstration,
) -> Lesson:
    """A whole demonstration about one of `pairs`, with coin-flip verdicts."""
    thing, name = rng.choice(pairs)
    instruction, scene = rules.instructions[name], _scene(thing, rng)
    verdicts = toss_verdicts(rng)
    response = demonstrate(thing, rules.kind_of[thing], scene.count, instruction.action, verdicts)
    question = rng.choice(instruction.wordings)
    example = Example("", question, rules.labels(thing, name), (scene.draw(),))
    return Lesson(ExampleWithResponse(example, response), thinking=True)


def skill_lesson(rules: Rules, rng: random.Random) -> Lesson:
    """A question of the general skill, without thinking."""
    return Lesson(skill_case(rules, rng), thinking=False)


def _scene(thing: str, rng: random.Random) -> Scene:
    return Scene(thing, rng.choice(COUNTS), rng.randrange(2**31))


def warm_up(
    policy: Policy,
    rules: Rules,
    pairs: Sequence[Pair],
    config: WarmupConfig,
    *,
    seed: int,
    demonstrate: Demonstrate = demonstration,
) -> None:
    """Train `policy.model` on `pairs`, in place; leaves it in evaluation mode."""
    rng = random.Random(f"warm-up/{seed}")
    optimizer = torch.optim.AdamW(policy.model.parameters(), lr=config.lr, betas=(0.9, 0.98))
    with Bar("warm-up (format only)", config.steps) as bar:
        for step in range(config.steps):
            for group in optimizer.param_groups:
                group["lr"] = config.lr * _schedule(step, config.steps)
            if rng.random() < config.skill_share:
                lessons = [skill_lesson(rules, rng) for _ in range(config.skill_batch)]
            else:
                lessons = [
                    format_lesson(rules, pairs, rng, demonstrate)
                    for _ in range(config.format_batch)
                ]
            optimizer.zero_grad()
            lesson_loss(policy, lessons).backward()
            torch.nn.utils.clip_grad_norm_(policy.model.parameters(), 1.0)
            optimizer.step()
            bar.advance()
    policy.model.eval()


def _schedule(step: int, steps: int) -> float:
    """The factor of the learning rate, 0 to 1."""
    cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
    return min(1.0, (step + 1) / 30) * (0.02 + 0.98 * cosine)


def lesson_loss(policy: Policy, lessons: Sequence[Lesson]) -> Tensor:
    """Mean cross entropy of the responses' tokens in nats, a scalar; prompts and padding do not
    count.
    """
    prompts = [
        prompt_text(
            policy.processor,
            lesson.demonstration.example,
            "",
            None if lesson.thinking else NO_THINKING,
        )
        for lesson in lessons
    ]
    inputs, mask_BT = encode_responses(
        policy.processor, prompts, [lesson.demonstration for lesson in lessons]
    )
    tokens = mask_BT.shape[1]
    logits_BTV = policy.model(**inputs, logits_to_keep=tokens + 1).logits[:, :-1]
    logprobs_BT = chosen_logprobs(logits_BTV, inputs["input_ids"][:, -tokens:])
    return -(logprobs_BT * mask_BT).sum() / mask_BT.sum()
