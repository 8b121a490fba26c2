"""Whether an answer names a risk, by word prefixes of each language (`risks.yaml`)."""

from functools import cache
from importlib.resources import files

import yaml

from rules.stance.language import FUNCTION_WORDS, function_words
from rules.stance.text import Text
from rules.stance.word_prefixes import WordPrefixes


def names_a_risk(folded: str, language: str) -> bool:
    """Whether a word of the folded answer begins like a risk in `language` (a code).

    In any known language if that one is not known.
    """
    return _risks().occur_in(folded, {language})


def names_a_risk_of_its_own(folded: str) -> bool:
    """Whether the folded answer names a risk in its own language, which no rule has told yet.

    Words in Latin letters are read in the language with the most function words: the German "die"
    is not a death. Linear.
    """
    counts = function_words(Text.of(folded))
    most = max(counts[code] for code in FUNCTION_WORDS)
    others = {code for code in FUNCTION_WORDS if counts[code] < most}
    return _risks().occur_in(folded, _risks().languages - others)


def is_known(language: str) -> bool:
    """Whether risks are known in a language (a code)."""
    return language in _risks().languages


@cache
def _risks() -> WordPrefixes:
    source = files("rules.stance").joinpath("risks.yaml").read_text(encoding="utf-8")
    return WordPrefixes(yaml.safe_load(source))
