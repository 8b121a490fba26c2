"""WordPrefixes of words, listed by language and looked for in folded text."""

from collections.abc import Mapping, Sequence, Set
from typing import Final

import re2

from rules.stance.folding import fold_pattern

_ANYWHERE: Final = ""
_AT_WORD: Final = r"(?:^|[^\pL\pM\p{Nd}])"
_BEFORE: Final = {
    "zh": _ANYWHERE,
    "ko": _ANYWHERE,
    "ar": f"{_AT_WORD}(?:[وفبلك]?ال|[وفبل])?",
}


class WordPrefixes:
    """Patterns of what words begin with, each folded as answers are.

    They match at the start of a word (in Arabic after its article or a particle too); in Chinese
    and Korean, where that cannot be told, anywhere.
    """

    def __init__(self, listed: Mapping[str, Sequence[str]]) -> None:
        """`listed`: the patterns by the code of their language."""
        self._patterns = {code: _any_of(code, patterns) for code, patterns in listed.items()}

    @property
    def languages(self) -> Set[str]:
        """The codes of those that are listed."""
        return self._patterns.keys()

    def occur_in(self, folded: str, languages: Set[str]) -> bool:
        """Whether one of them is in the folded text.

        In one of `languages` (codes), or in any that is listed where none of them is.
        """
        encoded = folded.encode()
        looked_for = self._patterns.keys() & languages or self._patterns.keys()
        return any(self._patterns[code].search(encoded) is not None for code in looked_for)


def _any_of(code: str, patterns: Sequence[str]) -> "re2._Regexp[str]":
    either = "|".join(map(fold_pattern, patterns))
    return re2.compile(f"{_BEFORE.get(code, _AT_WORD)}(?:{either})")
