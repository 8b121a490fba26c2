"""Long text, a block at a time, so that what is held of it stays small.

As objects, the words of a megabyte take twenty times its memory; those of a block are soon gone.
"""

import unicodedata
from collections.abc import Iterator
from typing import Final

BLOCK_LENGTH: Final = 2**15
"""Longest block, in characters."""
_MOST_PARTS: Final = 16
"""Marks on a letter, or parts of a Korean syllable, that are not cut from it."""


def blocks(text: str) -> Iterator[str]:
    """`text` in pieces of at most `BLOCK_LENGTH` characters, cut behind a space where there is one.

    Elsewhere no letter is cut from the marks and parts that follow it, if they are not many.
    """
    start, end = 0, BLOCK_LENGTH
    while end < len(text):
        end = text.rfind(" ", start, end) + 1 or _before_a_letter(text, end)
        yield text[start:end]
        start, end = end, end + BLOCK_LENGTH
    yield text[start:]


def _before_a_letter(text: str, end: int) -> int:
    """The last place up to `end`, or so, where a letter begins."""
    for place in range(end, end - _MOST_PARTS, -1):
        if not unicodedata.combining(text[place]) and not "\u1160" <= text[place] <= "\u11ff":
            return place
    return end
