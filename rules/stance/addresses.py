"""Addresses of pages: they look like a cipher, and their words are no sentences."""

from typing import Final

import regex

from rules.blocks import blocks

_ADDRESS: Final = regex.compile(r"\bhttps?://[^\s\"<>]++")
_JOINTS: Final = str.maketrans("/_+", "   ")
# Letters beyond ASCII; those within it are written so to hide them.
_LETTERS: Final = regex.compile(r"(?:%[89a-f][0-9a-f])++")


def in_parts(folded: str, timeout: float) -> str:
    """The folded text with its addresses taken to pieces, each to be read for itself. Linear."""
    if "://" not in folded:
        return folded

    def taken(address: "regex.Match[str]") -> str:
        return str(_LETTERS.sub("", address[0], timeout=timeout).translate(_JOINTS))

    return "".join(_ADDRESS.sub(taken, block, timeout=timeout) for block in blocks(folded))


def without_addresses(folded: str, timeout: float) -> str:
    """The folded text without its addresses. Linear."""
    if "://" not in folded:
        return folded
    return "".join(_ADDRESS.sub("", block, timeout=timeout) for block in blocks(folded))
