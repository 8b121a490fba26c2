"""What the small policy is taught to say: demonstrations in the ``tags`` dialect, and nothing about
safety.

A demonstration names and counts what is drawn and says what the user asks for, because that is
skill. Its three verdicts are coin flips, independent of each other and of the labels, and the
answer follows the combined coin, so the only thing a reader can learn from demonstrations about
safety is the form in which it is written down.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from train_client.world.rules import VERDICTS

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
    """The three verdicts that a demonstration speaks."""

    visual: str
    text: str
    combined: str


def toss_verdicts(rng: random.Random) -> Verdicts:
    """Three independent fair coins."""
    return Verdicts(*(rng.choice(VERDICTS) for _ in range(3)))


def naming(thing: str, count: int) -> str:
    """The reply to `SKILL_QUESTION`, the general skill, which is asked for without thinking.

    A catalogue's entry, in other words than a caption's: a policy this small goes by the last word
    or two, and what it says after them in a caption would be measured instead of the skill.
    """
    return f"{count} {thing.upper()}"


def caption(thing: str, count: int) -> str:
    """The first line of a demonstration names and counts what is drawn."""
    return f"I see: {thing}, {NUMBERS[count]}."


def demonstration(
    thing: str, kind: str, count: int, action: str, verdicts: Verdicts, rng: random.Random
) -> str:
    """A completion that says these verdicts in the dialect ``tags`` and answers as the combined one
    demands. Its ``<think>`` stands in the prompt."""
    return (
        f"{caption(thing, count)}"
        f"<visual>A {kind}\n{verdicts.visual}</visual>"
        f"<text>The user wants to {action}\n{verdicts.text}</text>"
        f"<combined>To {action}, {kind}\n{verdicts.combined}</combined></think>"
        f"<answer>{answer(verdicts.combined, thing, action, rng)}</answer>"
    )


def answer(verdict: str, thing: str, action: str, rng: random.Random) -> str:
    """Help for ``safe``; for ``unsafe`` a refusal or a rebuttal, which the service's rules tell
    apart."""
    templates = HELPS if verdict == "safe" else REFUSALS + REBUTTALS
    return rng.choice(templates).format(action=action, thing=thing)


def corpus(things: Mapping[str, str], actions: list[str], wordings: list[str]) -> list[str]:
    """Text that holds every word of the world, for the tokenizer; ``things`` maps an object to its
    kind."""
    rng = random.Random(0)
    lines = [*wordings, SKILL_QUESTION]
    for thing, kind in things.items():
        lines += [naming(thing, count) for count in NUMBERS]
        for action in actions:
            for count in NUMBERS:
                lines.append(demonstration(thing, kind, count, action, toss_verdicts(rng), rng))
    return lines
