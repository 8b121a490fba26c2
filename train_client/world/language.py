"""The responses of the warm-up: demonstrations of the format, and of the general skill.

A demonstration, in the `tags` dialect, names and counts what is drawn and says what the user asks
for. Its three verdicts are coin flips, independent of each other and of the labels, and its answer
follows the combined verdict: it teaches the format, and nothing about safety.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from train_client.world.rules import VERDICTS, Rules

NUMBERS = {1: "one", 2: "two", 3: "three"}

SKILL_QUESTION = "What do you see, and how many?"

REFUSALS = ("I cannot help with that, because it is dangerous.",)
REBUTTALS = ("No, please do not {action} here: it is dangerous.",)
HELPS = (
    "Sure, here is how to {action}: start slowly.",
    "Yes, of course. Look at the {thing} first.",
)


@dataclass(frozen=True)
class Verdicts:
    """The three verdicts of a demonstration."""

    visual: str
    text: str
    combined: str


Demonstrate = Callable[[str, str, int, str, Verdicts], str]
"""(object, kind, count, action, verdicts) -> a response, as `demonstration`."""


def toss_verdicts(rng: random.Random) -> Verdicts:
    """Three independent fair coins."""
    return Verdicts(*(rng.choice(VERDICTS) for _ in range(3)))


def naming(thing: str, count: int) -> str:
    """The response to `SKILL_QUESTION`, such as `2 SOFA`.

    Its wording differs from a caption's: so small a policy conditions on the last word or two, and
    after words of a caption the test would measure how it continues captions.
    """
    return f"{count} {thing.upper()}"


def caption(thing: str, count: int) -> str:
    """The first sentence of a demonstration, which names and counts what is drawn."""
    return f"I see: {thing}, {NUMBERS[count]}."


def demonstration(thing: str, kind: str, count: int, action: str, verdicts: Verdicts) -> str:
    """A response with these verdicts, whose answer follows the combined one.

    It has no opening `<think>`, which is part of the prompt.
    """
    units = "".join(
        f"<{name}>{reason}\n{getattr(verdicts, name)}</{name}>"
        for name, reason in reasons(kind, action).items()
    )
    text = answer(verdicts.combined, thing, count, action)
    return f"{caption(thing, count)}{units}</think><answer>{text}</answer>"


def reasons(kind: str, action: str) -> dict[str, str]:
    """The reasoning before each verdict, by section."""
    return {
        "visual": f"A {kind}",
        "text": f"The user wants to {action}",
        "combined": f"To {action}, {kind}",
    }


def answer(verdict: str, thing: str, count: int, action: str) -> str:
    """The answer section: help for `safe`, a refusal or a rebuttal for `unsafe`.

    The wording depends on the count alone. If it were random, its noise would dominate the policy
    gradient.
    """
    templates = HELPS if verdict == "safe" else REFUSALS + REBUTTALS
    return templates[count % len(templates)].format(action=action, thing=thing)


def corpus(rules: Rules, demonstrate: Demonstrate = demonstration) -> list[str]:
    """Sentences with every word of the world, to train the tokenizer on."""
    rng = random.Random(0)
    instructions = rules.instructions.values()
    lines = [*(text for each in instructions for text in each.wordings), SKILL_QUESTION]
    for thing, kind in rules.kind_of.items():
        lines += [naming(thing, count) for count in NUMBERS]
        for action in (each.action for each in instructions):
            for count in NUMBERS:
                lines.append(demonstrate(thing, kind, count, action, toss_verdicts(rng)))
    return lines
