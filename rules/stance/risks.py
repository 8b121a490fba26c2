"""Does an answer name a risk? Beginnings of words by language, in `risks.yaml`."""

from functools import cache
from importlib.resources import files

import yaml

from rules.stance.beginnings import Beginnings


def names_a_risk(folded: str, language: str) -> bool:
    """Whether a word of the folded answer begins like a risk in `language` (a code).

    In any language that is known where that one is not.
    """
    return _risks().begin_a_word(folded, {language})


@cache
def _risks() -> Beginnings:
    source = files("rules.stance").joinpath("risks.yaml").read_text(encoding="utf-8")
    return Beginnings(yaml.safe_load(source))
