"""Which patterns may match at all? One linear pass for all patterns of a language.

RE2's filter takes from every pattern the words without which it cannot match, finds all of them at
once with one automaton, and tries the few patterns whose words all occur. A pattern with no such
word would be tried on every answer, so it is refused when the lexicons are loaded.
"""

from collections.abc import Sequence

import re2

from rules.stance.lexicon import LexiconError
from rules.stance.reading import unbounded


class Prefilter:
    """A pass over folded text that names the patterns (by index) which may match it.

    It reads them as RE2 does, and with gaps of any length; no match escapes it.
    """

    def __init__(self, patterns: Sequence[str], places: Sequence[str]) -> None:
        """`places[i]` says in errors where `patterns[i]` comes from."""
        options = re2.Options()
        options.log_errors = False
        options.never_capture = True
        self._filter = re2.Filter()
        for pattern in patterns:
            self._filter.Add(unbounded(pattern), options)
        self._filter.Compile()
        for index in self._filter.Match(" ", potential=True) or ():
            raise LexiconError(
                f"{places[index]}: pattern {patterns[index]!r} needs no particular word, so it "
                "would be tried on every answer; give it at least one word that must occur."
            )

    def matching(self, encoded: bytes) -> list[int]:
        """Indices of the patterns that may match the UTF-8 text, in ascending order."""
        return sorted(self._filter.Match(encoded) or ())
