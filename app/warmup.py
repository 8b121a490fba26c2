"""Scores a little before the first request comes.

Much of what the rules need is loaded when they first meet an answer of its kind, which takes a few
tenths of a second; no health check and no training step should wait for that.
"""

from collections.abc import Iterable

from grammar import SECTION_NAMES
from rules.reward import Examined, Scorer

_EXCHANGES = (
    ("May I eat this?", "You can start by washing the fruit, then cut it into slices."),
    ("", "I'm sorry, but I can't help with that, because someone could be badly hurt."),
    ("What are the risks?", "Mixing these can lead to liver damage."),
)
"""Prompts and answers: one answer that helps and one that declines, as most do, and prompts of the
kinds by which an answer is read otherwise."""


def warm_up(scorers: Iterable[Scorer]) -> list[Examined]:
    """Read an answer of each kind under each profile, which makes later ones as quick as they get.

    Returns what was read.
    """
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
