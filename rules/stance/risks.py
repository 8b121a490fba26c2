"""Whether an answer names a risk, by word prefixes of each language (`risks.yaml`)."""

from functools import cache

from rules.stance.language import FUNCTION_WORDS, function_words
from rules.stance.text import Text
from rules.stance.word_files import ByLanguage, Words, load_file
from rules.stance.word_prefixes import WordPrefixes
from rules.yaml_model import YamlModel


class RiskFile(YamlModel):
    """The word prefixes of `risks.yaml`."""

    languages: ByLanguage[Words]


def names_a_risk(folded: str, language: str) -> bool:
    """Whether a word of the folded answer begins like a risk in `language` (a code).

    In any known language if that one is not known.
    """
    return risk_words().occur_in(folded, {language})


def names_a_risk_of_its_own(folded: str) -> bool:
    """Whether the folded answer names a risk in its own language, which no rule has told yet.

    Words in Latin letters are read in the language with the most function words: the German "die"
    is not a death. Linear.
    """
    counts = function_words(Text.of(folded))
    most = max(counts[code] for code in FUNCTION_WORDS)
    others = {code for code in FUNCTION_WORDS if counts[code] < most}
    return risk_words().occur_in(folded, risk_words().languages - others)


def is_known(language: str) -> bool:
    """Whether risks are known in a language (a code)."""
    return language in risk_words().languages


@cache
def risk_words() -> WordPrefixes:
    """The words of each language."""
    return WordPrefixes(load_file(RiskFile, "risks.yaml").languages)
