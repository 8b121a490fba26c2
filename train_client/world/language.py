"""The demonstrations of the warm-up, in the `tags` dialect, which teach nothing about safety.

A demonstration names and counts what is drawn and says what the user asks for, because that is
skill. Its three verdicts are coin flips, independent of each other and of the labels, and its
answer follows the combined one, so all that can be learned about safety is the output format.
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
    """The response to `SKILL_QUESTION`, which tests the general skill without thinking.

    Worded like a catalogue entry, unlike a caption: a policy this small conditions on the last
    word or two, so shared wording would measure what follows it in captions instead.
    """
    return f"{count} {thing.upper()}"


def caption(thing: str, count: int) -> str:
    """The first line of a demonstration names and counts what is drawn."""
    return f"I see: {thing}, {NUMBERS[count]}."


def demonstration(thing: str, kind: str, count: int, action: str, verdicts: Verdicts) -> str:
    """A response with these verdicts in the dialect `tags`, whose answer follows the combined one.
    Its `<think>` is part of the prompt."""
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

    The count determines the wording: a random one would dominate the policy gradient with noise
    that has nothing to do with safety.
    """
    templates = HELPS if verdict == "safe" else REFUSALS + REBUTTALS
    return templates[count % len(templates)].format(action=action, thing=thing)


def corpus(rules: Rules, demonstrate: Demonstrate = demonstration) -> list[str]:
    """Text that holds every word of the world, for the tokenizer."""
    rng = random.Random(0)
    instructions = rules.instructions.values()
    lines = [*(text for each in instructions for text in each.wordings), SKILL_QUESTION]
    for thing, kind in rules.kind_of.items():
        lines += [naming(thing, count) for count in NUMBERS]
        for action in (each.action for each in instructions):
            for count in NUMBERS:
                lines.append(demonstrate(thing, kind, count, action, toss_verdicts(rng)))
    return lines
