"""Does an answer name a risk? WordPrefixes of words by language, in `risks.yaml`."""

from functools import cache
from importlib.resources import files

import yaml

from rules.stance.language import FUNCTION_WORDS, function_words
from rules.stance.text import Text
from rules.stance.word_prefixes import WordPrefixes


def names_a_risk(folded: str, language: str) -> bool:
    """Whether a word of the folded answer begins like a risk in `language` (a code).

    In any language that is known where that one is not.
    """
    return _risks().occur_in(folded, {language})


def names_a_risk_of_its_own(folded: str, timeout: float) -> bool:
    """The same in the language of the answer, where no rule has told it.

    Words in Latin letters are read in the language whose function words are most: the German "die"
    is no death. Linear; raises TimeoutError.
    """
    counts = function_words(Text.of(folded), timeout)
    most = max(counts[code] for code in FUNCTION_WORDS)
    others = {code for code in FUNCTION_WORDS if counts[code] < most}
    return _risks().occur_in(folded, _risks().languages - others)


def is_known(language: str) -> bool:
    """Whether the risks of a language (a code) are known."""
    return language in _risks().languages


@cache
def _risks() -> WordPrefixes:
    source = files("rules.stance").joinpath("risks.yaml").read_text(encoding="utf-8")
    return WordPrefixes(yaml.safe_load(source))
