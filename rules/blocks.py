"""Splits long text into blocks, so that processing it takes little memory.

The words of a megabyte take twenty times its memory as objects; those of a block are soon freed.
"""

import unicodedata
from collections.abc import Iterator
from typing import Final

BLOCK_LENGTH: Final = 2**15
"""Longest block, in characters."""
_MOST_PARTS: Final = 16
"""Most combining marks, or parts of a Korean syllable, that are kept with their letter."""


def blocks(text: str) -> Iterator[str]:
    """`text` in pieces of at most `BLOCK_LENGTH` characters, cut after a space if there is one.

    Otherwise no letter is separated from the marks and parts that follow it, unless these are many.
    """
    start, end = 0, BLOCK_LENGTH
    while end < len(text):
        end = text.rfind(" ", start, end) + 1 or _before_a_letter(text, end)
        yield text[start:end]
        start, end = end, end + BLOCK_LENGTH
    yield text[start:]


def _before_a_letter(text: str, end: int) -> int:
    """The last position up to `end` where a letter begins; `end` if none is near."""
    for place in range(end, end - _MOST_PARTS, -1):
        if not unicodedata.combining(text[place]) and not "\u1160" <= text[place] <= "\u11ff":
            return place
    return end
