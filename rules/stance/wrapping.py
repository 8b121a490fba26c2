"""Sentences that continue on the next line, as in text wrapped to a width.

A line without a final stop runs on if the next line begins with a word. Verse and unmarked lists
differ from that only in their width, so the search for help reads the original lines as well.
"""

import re
from typing import Final

from rules.blocks import blocks
from rules.stance.timed_pattern import TimedPattern

# Not after quotes, headings and table rows, nor before a list marker; a number of three digits, as
# of a helpline, is no list marker.
_RUNS_ON: Final = TimedPattern(
    r"(?m)^(?! ?[>#|])([^\n]*+)(?<=[\w,،、)'\"])\n"
    r"(?=(['\"(]?(?![a-z][.)] |step \d)(?:[^\W\d_]|\d{3})\S*+))"
)
_MIN_WIDTH_CHARACTERS: Final = 36
"""Shorter lines are written as lines, not wrapped."""
_MIN_BREAKS: Final = 3
"""Fewer breaks do not show a width."""
_MAX_MARKUP_CHARACTERS: Final = 4
"""What removed markup may have added to a line when it was wrapped."""
_MAX_LINES_PER_PUNCTUATED: Final = 3
"""At least every third line of prose has punctuation inside; bare steps have hardly any."""
_INNER_PUNCTUATION: Final = re.compile(r"[,.;:!?、。،؛؟।].")


def unwrapped(folded: str) -> str:
    """The folded text with a space for each break within a sentence; positions stay the same.

    Linear.
    """
    if "\n" not in folded or not _RUNS_ON.search(folded):
        return folded
    return "".join(_RUNS_ON.sub(r"\1 ", block) for block in blocks(folded))


def is_broken_to_width(folded: str) -> bool:
    """Whether it is prose in which no word after a break would have fitted on the line before.

    Linear.
    """
    breaks, width, least = 0, 0, len(folded)
    for line in _RUNS_ON.finditer(folded):
        breaks += 1
        width = max(width, len(line[1]))
        least = min(least, len(line[1]) + len(line[2]))
        if least + _MAX_MARKUP_CHARACTERS < max(width, _MIN_WIDTH_CHARACTERS):
            return False
    return breaks >= _MIN_BREAKS and width >= _MIN_WIDTH_CHARACTERS and _is_prose(folded)


def _is_prose(folded: str) -> bool:
    """Whether its lines have punctuation inside, which steps written as lines lack."""
    lines = list(filter(None, folded.split("\n")))
    return _MAX_LINES_PER_PUNCTUATED * sum(
        _INNER_PUNCTUATION.search(line) is not None for line in lines
    ) >= len(lines)
