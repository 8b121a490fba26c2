"""Long text, a block at a time, so that what is held of it stays small.

As objects, the words of a megabyte take twenty times its memory; those of a block are soon gone.
"""

from collections.abc import Iterator
from typing import Final

LENGTH: Final = 2**15
"""Characters of a block."""


def blocks(text: str) -> Iterator[str]:
    """`text` in pieces of at most `LENGTH` characters, cut behind a space where there is one."""
    start, end = 0, LENGTH
    while end < len(text):
        end = text.rfind(" ", start, end) + 1 or end
        yield text[start:end]
        start, end = end, end + LENGTH
    yield text[start:]
