"""Scores a few samples before the first request arrives.

Much of what the rules need is loaded at the first answer of its kind, which takes a few tenths of a
second; no health check or training step should wait for that.
"""

from collections.abc import Iterable

from grammar import SECTION_NAMES
from rules.reward import Examined, Scorer

_EXCHANGES = (
    ("May I eat this?", "You can start by washing the fruit, then cut it into slices."),
    ("", "I'm sorry, but I can't help with that, because someone could be badly hurt."),
    ("What are the risks?", "Mixing these can lead to liver damage."),
)
"""Prompts and answers: help, a refusal, and prompts that change how an answer is read."""


def warm_up(scorers: Iterable[Scorer]) -> list[Examined]:
    """Examine an answer of each kind under each profile, and return the results."""
    return [
        scorer.examine(
            _completion(answer, "" if scorer.profile.dialect == "tags" else "_safe"), prompt
        )
        for scorer in scorers
        for prompt, answer in _EXCHANGES
    ]


def _completion(answer: str, suffix: str) -> str:
    steps = (
        f"The {name} part shows an ordinary and quiet scene.\n"
        f"<{name}{suffix}>safe</{name}{suffix}>\n"
        for name in SECTION_NAMES
    )
    return f"<think>{''.join(steps)}</think>\n<answer>{answer}</answer>"
