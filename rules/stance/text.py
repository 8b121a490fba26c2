"""A folded text with its UTF-8 form, so that the two regex engines do not each encode it."""

from typing import NamedTuple


class Text(NamedTuple):
    """A folded text as characters and as UTF-8."""

    text: str
    encoded: bytes
    is_ascii: bool
    """Then a character is a byte, and positions in `text` and `encoded` agree."""

    @classmethod
    def of(cls, text: str) -> "Text":
        return cls(text, text.encode(), text.isascii())
