"""Where the sentences of a folded text, and their clauses, begin and end.

A stance holds for its sentence: exceptions are looked for there, and help behind it. None is
looked for further than a long sentence reaches, so that text without stops takes no longer.
"""

import re
from collections.abc import Iterator
from typing import Final

_SENTENCE_END: Final = re.compile(r"[.!?\n。！？؟।](?:(?<![.!?])|(?=\s|$))")
# One class first: `re` skips to it, where it would try the branches of a choice one by one.
_CLAUSE_END: Final = re.compile(r"[,;.!?\n。！？؟।،]|\band\b")


def sentence_start(text: str, position: int) -> int:
    """Where the sentence around `position` begins, at most 200 characters before."""
    low = max(0, position - 200)
    for found in _SENTENCE_END.finditer(text, low, position):
        low = found.end()
    return low


def sentence_end(text: str, position: int) -> int:
    """Where the sentence around `position` ends, at most 400 characters on."""
    limit = min(len(text), position + 400)
    found = _SENTENCE_END.search(text, position, limit)
    return found.end() if found else limit


def sentences(text: str) -> Iterator[str]:
    """The sentences of the text, with their stops."""
    end = 0
    while end < len(text):
        start, end = end, sentence_end(text, end)
        yield text[start:end]


def clause_end(text: str, position: int) -> int:
    """Where the clause around `position` ends, without its stop, at most 80 characters on."""
    limit = min(len(text), position + 80)
    found = _CLAUSE_END.search(text, position, limit)
    return found.start() if found else limit
