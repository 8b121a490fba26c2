"""Quotations: words that the answer repeats rather than says.

A refusal inside quotes is usually a sign in the picture or the user's own text, so rules that
decline read the answer without its quotations. Help inside quotes is still help, so text behind a
refusal is searched with them, and match positions have to be mapped back.
"""

from collections.abc import Callable, Iterator
from typing import Final

from rules.stance.timed_pattern import TimedPattern

_DOUBLE_QUOTES: Final = TimedPattern(r'(?<!\d)"[^"\n]{1,300}"')  # after a digit it means inches
_BLOCK_QUOTE: Final = TimedPattern(r"(?m)^ ?>[^\n]*$")
# An apostrophe inside a word neither opens nor closes a quotation.
_SINGLE_QUOTES: Final = TimedPattern(
    r"(?<![\w'])'(?=\w)[^'\n]{1,200}(?:(?<=\w)'(?=\w)[^'\n]{1,200}){0,4}'(?![\w'])"
)


def without_quotations(folded: str) -> str:
    """The folded text with the contents of quotations removed.

    If quotations make up three quarters of the text, they are the answer and it is returned
    unchanged.
    """
    own = folded
    for quotation, replacement in _quotation_kinds(folded):
        own = str(quotation.sub(replacement, own))
    return own if _leaves_enough(own, folded) else folded


def place_in_whole(folded: str) -> Callable[[int], int]:
    """A map from character positions in `without_quotations(folded)` to positions in `folded`."""
    own, cuts_by_kind = folded, []
    for quotation, replacement in _quotation_kinds(folded):
        cuts, removed = [], 0
        for found in quotation.finditer(own):
            length = len(found[0]) - len(replacement)
            cuts.append((found.start() + len(replacement) - removed, length))
            removed += length
        cuts_by_kind.append(cuts)
        own = str(quotation.sub(replacement, own))
    if not _leaves_enough(own, folded):
        cuts_by_kind.clear()

    def place(position: int) -> int:
        for cuts in reversed(cuts_by_kind):
            position += sum(length for at, length in cuts if at <= position)
        return position

    return place


def block_quotes(folded: str) -> str:
    """The contents of block quotes, one line each, without the `>`."""
    if ">" not in folded:
        return ""
    return "\n".join(line.lstrip(" >") for line in _BLOCK_QUOTE.findall(folded))


def _quotation_kinds(folded: str) -> Iterator[tuple[TimedPattern, str]]:
    """The kinds of quotation that may occur: a pattern, and what replaces its matches."""
    if "\n>" in folded or folded.startswith(">"):
        yield _BLOCK_QUOTE, ""
    if '"' in folded:
        yield _DOUBLE_QUOTES, '""'
    if " '" in folded:
        yield _SINGLE_QUOTES, "''"


def _leaves_enough(own: str, folded: str) -> bool:
    return 4 * len(own) > len(folded)
