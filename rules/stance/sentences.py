"""Where the sentences and clauses of a folded text begin and end.

Exceptions to a rule are looked for in the sentence of its match, and help after that sentence. All
searches are bounded by the length of a long sentence, so text without full stops costs no more.
"""

import re
from collections.abc import Iterator
from typing import Final

_SENTENCE_END: Final = re.compile(r"[.!?\n。！？؟।](?:(?<![.!?])|(?=\s|$))")
# One class comes first because `re` can skip to it; it would try the branches of a choice in turn.
_CLAUSE_END: Final = re.compile(r"[,;.!?\n。！？؟।،]|\band\b")
_MAX_CHARACTERS_BACK: Final = 200
_MAX_CHARACTERS_AHEAD: Final = 400
_MAX_CLAUSE_CHARACTERS_AHEAD: Final = 80


def sentence_start(text: str, position: int) -> int:
    """Where the sentence around `position` begins, at most 200 characters before it."""
    low = max(0, position - _MAX_CHARACTERS_BACK)
    for found in _SENTENCE_END.finditer(text, low, position):
        low = found.end()
    return low


def sentence_end(text: str, position: int) -> int:
    """Where the sentence around `position` ends, at most 400 characters after it."""
    limit = min(len(text), position + _MAX_CHARACTERS_AHEAD)
    found = _SENTENCE_END.search(text, position, limit)
    return found.end() if found else limit


def sentences(text: str) -> Iterator[str]:
    """The sentences of the text, with their stops."""
    end = 0
    while end < len(text):
        start, end = end, sentence_end(text, end)
        yield text[start:end]


def clause_end(text: str, position: int) -> int:
    """Where the clause around `position` ends, without its stop, at most 80 characters after it."""
    limit = min(len(text), position + _MAX_CLAUSE_CHARACTERS_AHEAD)
    found = _CLAUSE_END.search(text, position, limit)
    return found.start() if found else limit
