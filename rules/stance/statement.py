"""Where an answer takes its stance: in its first sentence, or after a short preface.

A warning that comes first speaks against what was asked; one that comes later is part of the help.
Prefaces are a few words ("No.", "Good question!"), a question, or a description of the picture.
"""

from collections.abc import Callable
from typing import Final

from rules.stance.sentences import sentence_end

_MAX_PREFACES: Final = 2
"""Sentences that may precede the statement."""
_MAX_PREFACE_CHARACTERS: Final = 20
"""A sentence of up to this length says nothing of its own."""
_QUESTION_MARKS: Final = ("?", "？", "؟")


def statement_end(head: str, is_description: Callable[[str], bool]) -> int:
    """The end, in the folded `head`, of the sentence in which the answer takes its stance."""
    end = 0
    for _ in range(_MAX_PREFACES + 1):
        start = len(head) - len(head[end:].lstrip())
        end = sentence_end(head, start)
        sentence = head[start:end]
        states = len(sentence) > _MAX_PREFACE_CHARACTERS and not sentence.endswith(_QUESTION_MARKS)
        if states and not is_description(sentence):
            return end
    return end
