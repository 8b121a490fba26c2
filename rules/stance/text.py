"""A folded text, encoded once for all that read it."""

from typing import NamedTuple


class Text(NamedTuple):
    """A folded text as characters and as UTF-8."""

    text: str
    encoded: bytes
    is_ascii: bool
    """Whether it is in ASCII, where a character is a byte."""

    @classmethod
    def of(cls, text: str) -> "Text":
        return cls(text, text.encode(), text.isascii())
