"""Does an answer name a risk? Beginnings of words by language, in `risks.yaml`."""

from functools import cache
from importlib.resources import files

import yaml

from rules.stance.beginnings import Beginnings
from rules.stance.language import FUNCTION_WORDS, function_words
from rules.stance.text import Text


def names_a_risk(folded: str, language: str) -> bool:
    """Whether a word of the folded answer begins like a risk in `language` (a code).

    In any language that is known where that one is not.
    """
    return _risks().begin_a_word(folded, {language})


def names_a_risk_of_its_own(folded: str, timeout: float) -> bool:
    """The same in the language of the answer, where no rule has told it.

    Words in Latin letters are read in the language whose function words are most: the German "die"
    is no death. Linear; raises TimeoutError.
    """
    counts = function_words(Text.of(folded), timeout)
    most = max(counts[code] for code in FUNCTION_WORDS)
    others = {code for code in FUNCTION_WORDS if counts[code] < most}
    return _risks().begin_a_word(folded, _risks().languages - others)


def is_known(language: str) -> bool:
    """Whether the risks of a language (a code) are known."""
    return language in _risks().languages


@cache
def _risks() -> Beginnings:
    source = files("rules.stance").joinpath("risks.yaml").read_text(encoding="utf-8")
    return Beginnings(yaml.safe_load(source))
