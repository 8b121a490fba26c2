"""What a refusal may well go on with: reasons, better things to do, who helps (`care.yaml`)."""

from collections.abc import Set
from functools import cache
from importlib.resources import files
from typing import Final

import re2
import yaml

from rules.stance.folding import fold_pattern

_ANYWHERE: Final = ""
_AT_WORD: Final = r"(?:^|[^\pL\pM\p{Nd}])"
_BEFORE: Final = {
    "zh": _ANYWHERE,
    "ko": _ANYWHERE,
    "ar": f"{_AT_WORD}(?:[وفبلك]?ال|[وفبل])?",
}


def is_known(languages: Set[str]) -> bool:
    """Whether the words of one of `languages` (codes) are known."""
    return not languages.isdisjoint(_words()["care"])


def shows_care(folded: str, languages: Set[str]) -> bool:
    """Whether the folded text has a word of a reason, an alternative or a source of help.

    In one of `languages` (codes), or in any that is known where none of them is.
    """
    return _has(folded, languages, "care")


def speaks_of_itself(folded: str, languages: Set[str]) -> bool:
    """Whether in the folded text the answer speaks of itself, or of what it offers instead."""
    return _has(folded, languages, "itself")


def _has(folded: str, languages: Set[str], kind: str) -> bool:
    listed, encoded = _words()[kind], folded.encode()
    known = listed.keys() & languages or listed.keys()
    return any(listed[code].search(encoded) is not None for code in known)


@cache
def _words() -> dict[str, dict[str, "re2._Regexp[str]"]]:
    """The words of each kind in each language."""
    source = files("rules.stance").joinpath("care.yaml").read_text(encoding="utf-8")
    return {
        kind: {code: _any_of(code, words) for code, words in languages.items()}
        for kind, languages in yaml.safe_load(source).items()
    }


def _any_of(code: str, words: list[str]) -> "re2._Regexp[str]":
    either = "|".join(map(fold_pattern, words))
    return re2.compile(f"{_BEFORE.get(code, _AT_WORD)}(?:{either})")
