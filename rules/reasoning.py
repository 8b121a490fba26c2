"""Is a piece of text reasoning at all? Has it words, and are they its own?"""

import re
from typing import Final

# Words of the alphabets that set them apart; of other scripts each letter may be a word.
_ALPHABET: Final = "A-Za-zÀ-ʯͰ-ӿ"
_FILLERS: Final = "\u115f\u1160\u3164\uffa0"
"""Letters that have no shape."""
_WORD: Final = re.compile(rf"[{_ALPHABET}]++|[^\W\d_{_ALPHABET}{_FILLERS}]")
_VERDICTS: Final = frozenset({"safe", "unsafe"})
_LETTERS: Final = 4
"""Fewer letters than in "a cat" are no two words ("n/a")."""
_MARKUP: Final = re.compile(r"<!--(?s:.*?)(?:-->|\Z)|<[^<>]{0,200}+>|&#?\w{1,10}+;")
# Five words that differ, as nearly all reasoning begins: three at least besides the verdict's own.
_BEGINNING: Final = re.compile(
    r"\s*+([A-Za-z]++)[ ,]++(?!\1)([A-Za-z]++)[ ,]++(?!\1|\2)([A-Za-z]++)[ ,]++"
    r"(?!\1|\2|\3)([A-Za-z]++)[ ,]++(?!\1|\2|\3|\4)[A-Za-z]"
)

_GLANCE: Final = 80
"""Characters that nearly always hold words enough."""


def has_words(text: str, start: int, end: int, minimum: int) -> bool:
    """Whether `text[start:end]` has `minimum` different words besides the verdict's own.

    Markup is not counted. Two letters of a script that sets no words apart are two words.
    """
    if minimum <= 3 and _BEGINNING.match(text, start, end):
        return True
    seen = text[start : min(end, start + _GLANCE)]
    if "<" not in seen and "&" not in seen and _are_enough(seen, minimum):
        return True
    return _are_enough(_MARKUP.sub(" ", text[start:end]), minimum)


def _are_enough(seen: str, minimum: int) -> bool:
    words = set(_WORD.findall(seen.lower())) - _VERDICTS
    if len(words) < minimum:
        return False
    return sum(len(word) if word <= "ӿ" else 2 for word in words) >= _LETTERS


_ANY_WORD: Final = re.compile(r"[^\W_]+")
_LETTERS_ALONE: Final = re.compile(r"[^\W\d_]+")
_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")


def as_words(text: str, numbers: bool = True) -> str:
    """The words of `text` in lower case with a space between them, and nothing else."""
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
    return " ".join((_ANY_WORD if numbers else _LETTERS_ALONE).findall(text.casefold()))


_PAIR: Final = re.compile("[A-Za-z]{3,}+ [A-Za-z]{3,}+")


def is_copied(text: str, start: int, end: int, instruction: str, prompt: str, minimum: int) -> bool:
    """Whether `text[start:end]` is a piece of either source but for one word before or after it.

    `instruction`: its `as_words`. `minimum`: characters that make a copy.
    """
    if end - start < minimum:
        return False
    # A pair of words from the middle of a copy is copied, and tells most reasoning apart cheaply.
    if pair := _PAIR.search(text, (start + end) // 2, end):
        pair_of_words = pair[0].lower()
        if pair_of_words not in instruction and pair_of_words not in prompt.lower():
            return False
    words = as_words(text[start:end])
    without_first, without_last = words.partition(" ")[2], words.rpartition(" ")[0]
    sources = f" {instruction} ", f" {as_words(prompt)} "
    return any(
        len(copied) >= minimum and f" {copied} " in source
        for copied in (words, without_first, without_last)
        for source in sources
    )
