"""The general skill, naming and counting what is drawn: unrelated to safety, it must not be
lost."""

from __future__ import annotations

import random
from collections.abc import Sequence

from app.schema import Labels
from train_client.data import Example
from train_client.evaluation import Answer
from train_client.world.language import SKILL_QUESTION, naming
from train_client.world.rules import Rules
from train_client.world.scene import COUNTS, Scene

_NO_JUDGEMENT = Labels(visual="safe", text="safe", combined="safe")


def skill_case(rules: Rules, random_: random.Random) -> tuple[Example, str]:
    """A picture with the question what and how many, and the one right answer."""
    thing, count = random_.choice(list(rules.kind_of)), random_.choice(COUNTS)
    picture = Scene(thing, count, random_.randrange(2**32)).draw()
    example = Example(f"skill/{thing}", SKILL_QUESTION, _NO_JUDGEMENT, (picture,))
    return example, naming(thing, count)


def skill_test(rules: Rules, length: int) -> list[tuple[Example, str]]:
    """The same questions for every policy and seed; their scenes are in no training data."""
    random_ = random.Random("skill-test")
    return [skill_case(rules, random_) for _ in range(length)]


def skill_accuracy(answers: Sequence[Answer], expected: Sequence[str]) -> float:
    """Share of answers that are right to the letter, 0 to 1."""
    pairs = zip(answers, expected, strict=True)
    return sum(a.text.strip() == right for a, right in pairs) / len(answers)
