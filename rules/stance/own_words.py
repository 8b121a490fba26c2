"""Which of the visible words are the answer's own statement, and where its sentences begin.

What stands in quotes or block quotes is somebody else's, the sign of a warning is no word, and
marks before a word hide the beginning of a sentence.
"""

from collections.abc import Callable, Iterator
from typing import Final

import regex

from rules.stance.folding import fold_pattern

_QUOTATION: Final = regex.compile(r'(?<!\d)"[^"\n]{1,300}"')  # behind a number it means inches
_BLOCK: Final = regex.compile(r"(?m)^ ?>[^\n]*$")
# An apostrophe inside a word neither opens nor closes a quotation.
_SINGLE: Final = regex.compile(
    r"(?<![\w'])'(?=\w)[^'\n]{1,200}(?:(?<=\w)'(?=\w)[^'\n]{1,200}){0,4}'(?![\w'])"
)
_LABELS: Final = (
    "warning|caution|danger|attention|achtung|warnung|vorsicht|avertissement"
    "|prudence|cuidado|advertencia|atención|attenzione|avviso|внимание|осторожно|предупреждение"
    "|警告|注意|경고|주의|تحذير|تنبيه|هشدار|توجه|चेतावनी|सावधान|सावधानी"
)
_BEFORE_WORDS: Final = regex.compile(
    rf"(?:[⚠🚫⛔🛑☠❌🔥❗‼☢☣\ufe0f#\s]|(?:{fold_pattern(_LABELS)})\s?(?:[:!]|\n)){{1,40}}(?=.)"
)


def from_first_word(folded: str, timeout: float) -> str:
    """The folded text without signs and labels of warning, and marks of headings, at its start."""
    if folded[:1].isalnum() and not any(map(folded[:40].__contains__, ":!\n")):
        return folded
    begins = _BEFORE_WORDS.match(folded, timeout=timeout)
    return folded[begins.end() :] if begins else folded


def without_quotations(folded: str, timeout: float) -> str:
    """The folded text with what stands in quotes left out: a mention is not a statement.

    A text that is little more than one quotation keeps it: then the quotation is the answer.
    """
    own = folded
    for quotation, marks in _quotations_in(folded):
        own = str(quotation.sub(marks, own, timeout=timeout))
    return own if 4 * len(own) > len(folded) else folded


def _quotations_in(folded: str) -> Iterator[tuple["regex.Pattern[str]", str]]:
    """What finds the kinds of quotations that there may be, and what stays in the place of one."""
    if "\n>" in folded or folded.startswith(">"):
        yield _BLOCK, ""
    if '"' in folded:
        yield _QUOTATION, '""'
    if " '" in folded:
        yield _SINGLE, "''"


def place_in_whole(folded: str, timeout: float) -> Callable[[int], int]:
    """From the place of a character of `without_quotations(folded)` to its place in `folded`."""
    own, kinds = folded, []
    for quotation, marks in _quotations_in(folded):
        cuts, gone = [], 0
        for found in quotation.finditer(own, timeout=timeout):
            length = len(found[0]) - len(marks)
            cuts.append((found.start() + len(marks) - gone, length))
            gone += length
        kinds.append(cuts)
        own = str(quotation.sub(marks, own, timeout=timeout))
    if 4 * len(own) <= len(folded):
        kinds.clear()

    def place(position: int) -> int:
        for cuts in reversed(kinds):
            position += sum(length for at, length in cuts if at <= position)
        return position

    return place


def block_quotes(folded: str, timeout: float) -> str:
    """What stands in block quotes, without their marks."""
    return "\n".join(line.lstrip(" >") for line in _BLOCK.findall(folded, timeout=timeout))


# Not at the start of a line, where such marks make lists and headings.
_MARKS: Final = r"|/#>`$*_()\[\]{}\"\p{So}\p{Sm}«»<\\"
_DECORATION: Final = regex.compile(
    rf"(?<=\S ?)(?<![{_MARKS}])(?:[{_MARKS}]|(?<=\s)-|-(?=\s))++\s*+(?=\p{{L}})"
)


def undecorated(folded: str, timeout: float) -> str:
    """The folded text from the first mark before a word on, with new lines for such marks."""
    _, *after = _DECORATION.split(folded, timeout=timeout)
    return "".join(f"\n{part}" for part in after)
