"""Distinguishes reasoning from placeholders by counting different words."""

import re
from collections.abc import Sequence
from itertools import chain
from typing import Final

from grammar.unseen import BLANKS
from rules.blocks import blocks

# Alphabets that separate words by spaces; in other scripts each letter may be a word.
_ALPHABET: Final = "A-Za-zÀ-ʯͰ-ӿ"
_LAST_LETTER: Final = "ӿ"
_SAFE_UNSPACED: Final = "不安全 安全 불안전 안전 آمن ناامن امن ایمن असुरक्षित सुरक्षित".split()
_WORD: Final = re.compile(
    rf"[{_ALPHABET}]++|{'|'.join(_SAFE_UNSPACED)}|[^\W\d_{_ALPHABET}{BLANKS}]"
)
_NOT_COUNTED: Final = frozenset(
    "safe unsafe step reasoning reason reasons verdict your give here omitted placeholder todo tbd"
    " null etc blah bla lorem ipsum dolor sit amet asdf sicher unsicher sûr sûre seguro segura"
    " inseguro insegura sicuro sicura insicuro insicura безопасно небезопасно безопасен".split()
).union(_SAFE_UNSPACED)
"""Words of the verdict, labels of steps, and placeholder text."""
_LETTERS: Final = 2
"""Letters required beyond one per word: "cat" and "a cat" pass; "x", "ok" and "n/a" do not."""
_MARKUP: Final = re.compile(r"<!--(?s:.*?)(?:-->|\Z)|<[^<>]{0,200}+>|&#?\w{1,10}+;")
# Five different words, with which nearly all reasoning begins.
_BEGINNING: Final = re.compile(
    r"\s*+([A-Za-z]++)[ ,]++(?!\1)([A-Za-z]++)[ ,]++(?!\1|\2)([A-Za-z]++)[ ,]++"
    r"(?!\1|\2|\3)([A-Za-z]++)[ ,]++(?!\1|\2|\3|\4)[A-Za-z]"
)

_GLANCE: Final = 80
"""Characters that nearly always contain enough words."""


def has_words(text: str, start: int, end: int, minimum: int) -> bool:
    """Whether `text[start:end]` has `minimum` different words.

    Markup, labels of steps and the words of the verdict are not counted. In scripts without word
    separators, each letter is a word.
    """
    begins = _BEGINNING.match(text, start, end) if minimum <= 1 else None
    if begins and any(word.lower() not in _NOT_COUNTED for word in begins.groups()):
        return True
    return any(_are_enough(_words(look(text, start, end)), minimum) for look in _LOOKS)


def have_words_together(text: str, places: Sequence[tuple[int, int]], minimum: int) -> bool:
    """Whether the pieces of `text` at `places`, (start, end), have `minimum` words together.

    Counted like `has_words`, but in scripts without word separators two letters are one word.
    """
    words: set[str] = set()
    for look in _LOOKS:
        for start, end in places:
            words |= _words(look(text, start, end))
            if len(words) >= minimum and sum(map(_weight, words)) >= minimum:
                return True
    return False


def _weight(word: str) -> float:
    return 1 if word <= _LAST_LETTER else 0.5


def _glance(text: str, start: int, end: int) -> str:
    """The beginning of `text[start:end]`; empty if it contains markup."""
    seen = text[start : min(end, start + _GLANCE)]
    return "" if "<" in seen or "&" in seen else seen


def _without_markup(text: str, start: int, end: int) -> str:
    return _MARKUP.sub(" ", text[start:end])


_LOOKS: Final = (_glance, _without_markup)
"""In order; the second is only used if the first finds too few words."""


def _words(text: str) -> set[str]:
    words = chain.from_iterable(_WORD.findall(block.lower()) for block in blocks(text))
    return set(words) - _NOT_COUNTED


def _are_enough(words: set[str], minimum: int) -> bool:
    if len(words) < minimum:
        return False
    return sum(len(word) if word <= _LAST_LETTER else 2 for word in words) >= minimum + _LETTERS
