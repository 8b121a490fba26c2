"""Addresses of pages: they look like a cipher, and their words are no sentences.

So it is while they name pages; with more words than names have they are what the answer says.
"""

from collections.abc import Callable
from itertools import islice
from typing import Final
from urllib.parse import unquote

import regex

from rules.blocks import blocks

_ADDRESS: Final = regex.compile(r"\bhttps?://[^\s\"<>]++")
_JOINTS: Final = str.maketrans("/_+", "   ")
# Letters beyond ASCII; those within it are written so to hide them.
_LETTERS: Final = regex.compile(r"(?:%[89a-f][0-9a-f])++")
_WORD: Final = regex.compile(r"\p{Han}|[^\W_\p{Han}]++")
_WORDS: Final = 20
"""Words of all addresses together that may be help, those of the hosts among them."""


def in_parts(folded: str, timeout: float) -> str:
    """The folded text with its addresses taken to pieces, each to be read for itself.

    As it is where its addresses say too much to be names. Linear; raises TimeoutError.
    """
    return _changed(folded, lambda address: _taken_to_pieces(address, timeout), timeout)


def without_addresses(folded: str, timeout: float) -> str:
    """The folded text without its addresses.

    As it is where they say too much to be names. Linear; raises TimeoutError.
    """
    return _changed(folded, lambda address: "", timeout)


def _changed(folded: str, change: Callable[[str], str], timeout: float) -> str:
    if "://" not in folded or _say_much(folded, timeout):
        return folded
    return "".join(
        _ADDRESS.sub(lambda address: change(address[0]), block, timeout=timeout)
        for block in blocks(folded)
    )


def _say_much(folded: str, timeout: float) -> bool:
    """Whether the addresses have `_WORDS` words together; of Chinese each character is one."""
    words = (
        word
        for block in blocks(folded)
        for address in _ADDRESS.findall(block, timeout=timeout)
        for word in _WORD.finditer(unquote(address), timeout=timeout)
    )
    return len(list(islice(words, _WORDS))) == _WORDS


def _taken_to_pieces(address: str, timeout: float) -> str:
    return str(_LETTERS.sub("", address, timeout=timeout).translate(_JOINTS))
