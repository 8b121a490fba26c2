"""Is a piece of text reasoning at all, or only a placeholder for it?"""

import re
from typing import Final

# Words of the alphabets that set them apart; of other scripts each letter may be a word.
_ALPHABET: Final = "A-Za-zÀ-ʯͰ-ӿ"
_FILLERS: Final = "\u115f\u1160\u3164\uffa0"
"""Letters that have no shape."""
_WORD: Final = re.compile(rf"[{_ALPHABET}]++|[^\W\d_{_ALPHABET}{_FILLERS}]")
_NOT_COUNTED: Final = frozenset(
    "safe unsafe step reasoning reason reasons verdict your give here omitted placeholder todo tbd"
    " null etc blah bla lorem ipsum dolor sit amet asdf".split()
)
"""The verdict's own words, what steps are labelled with, and what holds the place of words."""
_LETTERS: Final = 2
"""So many letters more than words at least: "cat" and "a cat", not "x", "ok" and "n/a"."""
_MARKUP: Final = re.compile(r"<!--(?s:.*?)(?:-->|\Z)|<[^<>]{0,200}+>|&#?\w{1,10}+;")
# Five words that differ, as nearly all reasoning begins.
_BEGINNING: Final = re.compile(
    r"\s*+([A-Za-z]++)[ ,]++(?!\1)([A-Za-z]++)[ ,]++(?!\1|\2)([A-Za-z]++)[ ,]++"
    r"(?!\1|\2|\3)([A-Za-z]++)[ ,]++(?!\1|\2|\3|\4)[A-Za-z]"
)

_GLANCE: Final = 80
"""Characters that nearly always hold words enough."""


def has_words(text: str, start: int, end: int, minimum: int) -> bool:
    """Whether `text[start:end]` has `minimum` different words.

    Markup, labels of steps and the verdict's own words are not counted. Two letters of a script
    that sets no words apart are two words.
    """
    begins = _BEGINNING.match(text, start, end) if minimum <= 1 else None
    if begins and any(word.lower() not in _NOT_COUNTED for word in begins.groups()):
        return True
    seen = text[start : min(end, start + _GLANCE)]
    if "<" not in seen and "&" not in seen and _are_enough(seen, minimum):
        return True
    return _are_enough(_MARKUP.sub(" ", text[start:end]), minimum)


def _are_enough(seen: str, minimum: int) -> bool:
    words = set(_WORD.findall(seen.lower())) - _NOT_COUNTED
    if len(words) < minimum:
        return False
    return sum(len(word) if word <= "ӿ" else 2 for word in words) >= minimum + _LETTERS
