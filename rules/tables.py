"""Rows of truth tables, matrices and tables of numbers, which count as a unit.

Their cells recur like the words of a degenerate loop, but a loop repeats whole rows.
"""

import re
from typing import Final

_LONGEST: Final = 100
"""Longest row; a longer line may be a loop itself."""
_WORD: Final = re.compile(r"(?<![^\W\d_])(?!(?:true|false)(?![^\W\d_]))[^\W\d_]{2}", re.IGNORECASE)


def is_row(line: str) -> bool:
    """Whether the line consists of numbers, signs, single letters and truth values."""
    return 0 < len(line) <= _LONGEST and _WORD.search(line) is None
