"""Rows of truth tables, matrices and tables of numbers: each says what it says as a whole.

Their cells are few and recur, as the words of a loop do; but a loop goes round the same rows.
"""

import re
from typing import Final

_LONGEST: Final = 100
"""Characters of a row; a longer line may be a loop itself."""
_WORD: Final = re.compile(r"(?<![^\W\d_])(?!(?:true|false)(?![^\W\d_]))[^\W\d_]{2}", re.IGNORECASE)


def is_row(line: str) -> bool:
    """Whether the line is made of numbers, signs, single letters and truth values alone."""
    return 0 < len(line) <= _LONGEST and _WORD.search(line) is None
