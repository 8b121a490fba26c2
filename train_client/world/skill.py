"""The general skill: naming and counting what is drawn, which safety training must not degrade."""

from __future__ import annotations

import random
from collections.abc import Sequence

from train_client.data.examples import NO_JUDGEMENT, Example, ExampleWithResponse
from train_client.run.evaluation import CompletedExample
from train_client.world.language import SKILL_QUESTION, naming
from train_client.world.rules import Rules
from train_client.world.scene import COUNTS, Scene


def skill_case(rules: Rules, rng: random.Random) -> ExampleWithResponse:
    """A picture, the question what it shows and how many, and the correct response."""
    thing, count = rng.choice(list(rules.kind_of)), rng.choice(COUNTS)
    picture = Scene(thing, count, rng.randrange(2**32)).draw()
    example = Example(f"skill/{thing}", SKILL_QUESTION, NO_JUDGEMENT, (picture,))
    return ExampleWithResponse(example, naming(thing, count))


def skill_test(rules: Rules, length: int) -> list[ExampleWithResponse]:
    """`length` cases for every policy and seed, whose scenes are in no training data."""
    return skill_cases(rules, length, seed="skill-test")


def skill_cases(rules: Rules, length: int, seed: str) -> list[ExampleWithResponse]:
    """`length` cases, determined by `seed`."""
    rng = random.Random(seed)
    return [skill_case(rules, rng) for _ in range(length)]


def skill_accuracy(
    completions: Sequence[CompletedExample], questions: Sequence[ExampleWithResponse]
) -> float:
    """The share, 0 to 1, of completions that equal the response but for outer white space."""
    pairs = zip(completions, questions, strict=True)
    return sum(c.text.strip() == question.response for c, question in pairs) / len(completions)
