"""Web addresses: to other checks they look like a cipher, and their words form no sentences.

Only while they are names: addresses with many words may carry the help itself, and are then read.
"""

from collections.abc import Callable
from itertools import islice
from typing import Final
from urllib.parse import unquote

from rules.blocks import blocks
from rules.stance.timed_pattern import TimedPattern

_ADDRESS: Final = TimedPattern(r"\bhttps?://[^\s\"<>]++")
_SEPARATORS: Final = str.maketrans("/_+", "   ")
# Percent-encoded letters beyond ASCII; nobody encodes ASCII ones except to hide them.
_ENCODED_LETTERS: Final = TimedPattern(r"(?:%[89a-f][0-9a-f])++")
_WORD: Final = TimedPattern(r"\p{Han}|[^\W_\p{Han}]++")
_MIN_HELP_WORDS: Final = 20
"""Words of all addresses together, hosts included, that may be help."""


def in_parts(folded: str) -> str:
    """The folded text with its addresses split into words.

    Unchanged if its addresses say too much to be names. Linear.
    """
    return _replaced(folded, lambda address: _split(address))


def without_addresses(folded: str) -> str:
    """The folded text without its addresses.

    Unchanged if they say too much to be names. Linear.
    """
    return _replaced(folded, lambda address: "")


def _replaced(folded: str, change: Callable[[str], str]) -> str:
    if "://" not in folded or _may_be_help(folded):
        return folded
    return "".join(
        _ADDRESS.sub(lambda address: change(address[0]), block) for block in blocks(folded)
    )


def _may_be_help(folded: str) -> bool:
    """Whether the addresses have `_MIN_HELP_WORDS` words; a Chinese character counts as one."""
    words = (
        word
        for block in blocks(folded)
        for address in _ADDRESS.findall(block)
        for word in _WORD.finditer(unquote(address))
    )
    return len(list(islice(words, _MIN_HELP_WORDS))) == _MIN_HELP_WORDS


def _split(address: str) -> str:
    return str(_ENCODED_LETTERS.sub("", address).translate(_SEPARATORS))
