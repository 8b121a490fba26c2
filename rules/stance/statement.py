"""Where does an answer take its stand? In its first sentence, or after a preface to it.

A warning that comes first speaks against what was asked; one that comes later is part of the help.
A few words ("No.", "Good question!"), a question and a description of what is to be seen are a
preface.
"""

from collections.abc import Callable
from typing import Final

from rules.stance.sentences import sentence_end

_PREFACES: Final = 2
"""Sentences at most that may stand before the statement."""
_FEW: Final = 20
"""Characters of a sentence that is too short to say anything of its own."""
_QUESTION_MARKS: Final = ("?", "？", "؟")


def statement_end(head: str, is_preface: Callable[[str], bool]) -> int:
    """The end, in the folded `head`, of the sentence with which the answer takes its stand."""
    end = 0
    for _ in range(_PREFACES + 1):
        start = len(head) - len(head[end:].lstrip())
        end = sentence_end(head, start)
        sentence = head[start:end]
        states = len(sentence) > _FEW and not sentence.endswith(_QUESTION_MARKS)
        if states and not is_preface(sentence):
            return end
    return end
