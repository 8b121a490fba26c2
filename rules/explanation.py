"""Does an answer name a risk? Word beginnings by language, in `risks.yaml`."""

import unicodedata
from functools import cache
from importlib.resources import files

import re2
import yaml

_UNSPACED = ("zh", "ko")


def names_a_risk(answer: str) -> bool:
    """Whether a word of `answer` begins with one of the risk words of any language."""
    return _pattern().search(unicodedata.normalize("NFKC", answer).casefold()) is not None


@cache
def _pattern() -> "re2._Regexp[str]":
    words = yaml.safe_load(files("rules").joinpath("risks.yaml").read_text(encoding="utf-8"))
    anywhere = [re2.escape(word) for code in _UNSPACED for word in words[code]]
    beginnings = [
        re2.escape(unicodedata.normalize("NFKC", word).casefold())
        for code in words.keys() - set(_UNSPACED)
        for word in words[code]
    ]
    return re2.compile(rf"(?:^|[^\pL\pM])(?:{'|'.join(sorted(beginnings))})|{'|'.join(anywhere)}")
