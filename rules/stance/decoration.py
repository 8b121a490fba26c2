"""Decoration around words: warning signs, labels, and markup that hides where a sentence begins.

Rules look at the first words of an answer and of its sentences. "⚠️ **Warning:** never …" begins
with "never", and "sorry, no | **step one** …" has a second sentence.
"""

from typing import Final

import re2

from rules.stance.folding import fold_pattern
from rules.stance.timed_pattern import TimedPattern

_WARNING_LABELS: Final = (
    "warning|caution|danger|attention|achtung|warnung|vorsicht|avertissement"
    "|prudence|cuidado|advertencia|atención|attenzione|avviso|внимание|осторожно|предупреждение"
    "|警告|注意|경고|주의|تحذير|تنبيه|هشدار|توجه|चेतावनी|सावधान|सावधानी"
)
_LEADING: Final = TimedPattern(
    rf"(?:[⚠🚫⛔🛑☠❌🔥❗‼☢☣\ufe0f#\s]|(?:{fold_pattern(_WARNING_LABELS)})\s?(?:[:!]|\n)){{1,40}}"
    r"(?=.)"
)
_MAX_LABEL_CHARACTERS: Final = 40
"""A text that begins with a letter and has no label's end within this length needs no regex."""
_MARKS: Final = r"|/#>`$*_()\[\]{}\"\p{So}\p{Sm}«»<\\"
# Not at the start of a line, where such marks make lists and headings.
_MARKS_BEFORE_WORD: Final = TimedPattern(
    rf"(?<=\S ?)(?<![{_MARKS}])(?:[{_MARKS}]|(?<=\s)-|-(?=\s))++\s*+(?=\p{{L}})"
)

# RE2 finds out in a fraction of the time that ASCII text has no such mark.
_MAY_BE_MARKED: Final = re2.compile(rf"(?:[{_MARKS}]|\s-|-\s)\s*\pL")


def from_first_word(folded: str) -> str:
    """The folded text without leading warning signs, warning labels and heading marks."""
    if folded[:1].isalnum() and not any(map(folded[:_MAX_LABEL_CHARACTERS].__contains__, ":!\n")):
        return folded
    leading = _LEADING.match(folded)
    return folded[leading.end() :] if leading else folded


def split_at_marks(folded: str) -> str:
    """The folded text after its first mark before a word, with a newline for each such mark.

    Empty if there is no such mark.
    """
    if folded.isascii() and not _MAY_BE_MARKED.search(folded.encode()):
        return ""
    _, *parts = _MARKS_BEFORE_WORD.split(folded)
    return "".join(f"\n{part}" for part in parts)
