"""Where a sentence goes on in the next line, as in text that was broken to a width.

A line that ends without a stop runs on into the next one that begins with a word. Verse and bare
lists look the same but for their width, so what looks for help reads the lines as they stand, too.
"""

import re
from typing import Final

import regex

from rules.blocks import blocks

# Not behind quotes, headings and rows of tables, and not before the mark of an item; a number of
# three digits, as of a helpline, is none.
_RUNS_ON: Final = regex.compile(
    r"(?m)^(?! ?[>#|])([^\n]*+)(?<=[\w,،、)'\"])\n"
    r"(?=(['\"(]?(?![a-z][.)] |step \d)(?:[^\W\d_]|\d{3})\S*+))"
)
_WIDTH: Final = 36
"""Characters of the narrowest lines that text is broken to, rather than written in."""
_BREAKS: Final = 3
"""Breaks that show a width."""
_LOST: Final = 4
"""Characters that markup had in a line, and a reader does not see."""
_MARKED: Final = 3
"""Of so many lines of prose one holds a comma or a stop, at least; bare steps hold hardly any."""
_MARK: Final = re.compile(r"[,.;:!?、。،؛؟।].")


def unwrapped(folded: str, timeout: float) -> str:
    """The folded text with a space for each break within a sentence; nothing changes its place.

    Linear; raises TimeoutError.
    """
    if "\n" not in folded or not _RUNS_ON.search(folded, timeout=timeout):
        return folded
    return "".join(_RUNS_ON.sub(r"\1 ", block, timeout=timeout) for block in blocks(folded))


def is_broken_to_width(folded: str, timeout: float) -> bool:
    """Whether it is prose in which no word behind a break would have had room before it.

    Linear; raises TimeoutError.
    """
    breaks, width, least = 0, 0, len(folded)
    for line in _RUNS_ON.finditer(folded, timeout=timeout):
        breaks += 1
        width = max(width, len(line[1]))
        least = min(least, len(line[1]) + len(line[2]))
        if least + _LOST < max(width, _WIDTH):
            return False
    return breaks >= _BREAKS and width >= _WIDTH and _is_prose(folded)


def _is_prose(folded: str) -> bool:
    """Whether commas and stops stand within its lines, as steps set in lines have none."""
    lines = list(filter(None, folded.split("\n")))
    return _MARKED * sum(_MARK.search(line) is not None for line in lines) >= len(lines)
