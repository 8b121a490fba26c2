"""Where a sentence goes on in the next line, as in text that was broken to a width.

A line that ends without a stop runs on into the next one that begins with a word. Verse and bare
lists look the same but for their width, so what looks for help reads the lines as they stand, too.
"""

from typing import Final

import regex

# Not behind quotes, headings and rows of tables, and not before the mark of an item.
_RUNS_ON: Final = regex.compile(
    r"(?m)^(?! ?[>#|])([^\n]*+)(?<=[\w,،、)'\"])\n"
    r"(?=(['\"(]?(?![a-z][.)] |step \d)[^\W\d_]\S*+))"
)
_WIDTH: Final = 36
"""Characters of the narrowest lines that text is broken to, rather than written in."""
_BREAKS: Final = 3
"""Breaks that show a width."""
_LOST: Final = 4
"""Characters that markup had in a line, and a reader does not see."""


def unwrapped(folded: str, timeout: float) -> str:
    """The folded text with a space for each break within a sentence; nothing changes its place.

    Linear; raises TimeoutError.
    """
    return _RUNS_ON.sub(r"\1 ", folded, timeout=timeout) if "\n" in folded else folded


def is_broken_to_width(folded: str, timeout: float) -> bool:
    """Whether no word behind a break within a sentence would have had room before it.

    Linear; raises TimeoutError.
    """
    broken = list(_RUNS_ON.finditer(folded, timeout=timeout))
    width = max((len(line[1]) for line in broken), default=0)
    if width < _WIDTH or len(broken) < _BREAKS:
        return False
    return all(len(line[1]) + len(line[2]) + _LOST >= width for line in broken)
