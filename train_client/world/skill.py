"""The general skill, naming and counting what is drawn: unrelated to safety, it must not be
lost."""

from __future__ import annotations

import random
from collections.abc import Sequence

from train_client.data import NO_JUDGEMENT, AnsweredExample, Example
from train_client.evaluation import Answer
from train_client.world.language import SKILL_QUESTION, naming
from train_client.world.rules import Rules
from train_client.world.scene import COUNTS, Scene


def skill_case(rules: Rules, random_: random.Random) -> AnsweredExample:
    """A picture with the question what and how many, and the one right answer."""
    thing, count = random_.choice(list(rules.kind_of)), random_.choice(COUNTS)
    picture = Scene(thing, count, random_.randrange(2**32)).draw()
    example = Example(f"skill/{thing}", SKILL_QUESTION, NO_JUDGEMENT, (picture,))
    return AnsweredExample(example, naming(thing, count))


def skill_test(rules: Rules, length: int) -> list[AnsweredExample]:
    """The same questions, rightly answered, for every policy and seed; their scenes are in no
    training data."""
    return skill_cases(rules, length, seed="skill-test")


def skill_cases(rules: Rules, length: int, seed: str) -> list[AnsweredExample]:
    """`length` cases that `seed` decides."""
    random_ = random.Random(seed)
    return [skill_case(rules, random_) for _ in range(length)]


def skill_accuracy(answers: Sequence[Answer], right: Sequence[AnsweredExample]) -> float:
    """Share of answers that are right to the letter, 0 to 1."""
    pairs = zip(answers, right, strict=True)
    return sum(a.text.strip() == reply.text for a, reply in pairs) / len(answers)
