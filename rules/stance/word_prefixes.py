"""Prefixes of words, listed by language and searched for in folded text."""

from collections.abc import Mapping, Sequence, Set
from typing import Final

import re2

from rules.stance.folding import fold_pattern

_ANYWHERE: Final = ""
_AT_WORD_START: Final = r"(?:^|[^\pL\pM\p{Nd}])"
_BEFORE: Final = {
    "zh": _ANYWHERE,
    "ko": _ANYWHERE,
    "ar": f"{_AT_WORD_START}(?:[وفبلك]?ال|[وفبل])?",
}


class WordPrefixes:
    """Patterns of word prefixes, folded as answers are.

    They match at the start of a word, in Arabic also after its article or a particle; in Chinese
    and Korean, whose words have no visible start, anywhere.
    """

    def __init__(self, listed: Mapping[str, Sequence[str]]) -> None:
        """`listed`: patterns by language code."""
        self._patterns = {code: _any_of(code, patterns) for code, patterns in listed.items()}

    @property
    def languages(self) -> Set[str]:
        """The codes of the listed languages."""
        return self._patterns.keys()

    def occur_in(self, folded: str, languages: Set[str]) -> bool:
        """Whether the folded text contains a prefix of one of `languages` (codes).

        Of any listed language, if none of them is listed.
        """
        encoded = folded.encode()
        codes = self._patterns.keys() & languages or self._patterns.keys()
        return any(self._patterns[code].search(encoded) is not None for code in codes)


def _any_of(code: str, patterns: Sequence[str]) -> "re2._Regexp[str]":
    either = "|".join(map(fold_pattern, patterns))
    return re2.compile(f"{_BEFORE.get(code, _AT_WORD_START)}(?:{either})")
