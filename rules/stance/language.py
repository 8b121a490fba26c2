"""Does a text go on in another language? Told by its script or, in Latin, by function words.

Only words that are rare in the other languages are listed, so a handful of them is a sentence, and
names, terms and links, which are Latin in every script, are none.
"""

import codecs
import string
from collections import Counter
from collections.abc import Set
from itertools import chain
from typing import Final

import re2
import regex

from rules.stance.text import Text

FUNCTION_WORDS: Final[dict[str, frozenset[str]]] = {
    "en": frozenset(
        "the and of with into then your you it is are until this that from before down up".split()
    ),
    "de": frozenset(
        "der das den dem und ein eine einen einem einer nicht ist mit für auf dann durch ihn zum"
        " zur zu wird sich oder bis".split()
    ),
    "fr": frozenset(
        "le les des du et un une dans pour avec est puis vous sur au aux ensuite ou votre"
        " la".split()
    ),
    "es": frozenset(
        "el la los las una y con para del por luego hasta lo tu su después al como está un".split()
    ),
    "it": frozenset(
        "il la gli della nel nella con per di una un poi finché e che lo si del sul alla"
        " più".split()
    ),
    "pt": frozenset("os uma um em para com não do da na no depois até e que ao então".split()),
    "nl": frozenset("het een van en naar dan niet op voor met tot je zijn aan ook".split()),
}
DISGUISES: Final[dict[str, frozenset[str]]] = {
    "rot13": frozenset(codecs.encode(word, "rot13") for word in FUNCTION_WORDS["en"]),
    "backwards": frozenset(word[::-1] for word in FUNCTION_WORDS["en"]),
}
"""English in disguise, which reads like languages of their own."""
_LISTS: Final = FUNCTION_WORDS | DISGUISES
_LISTS_OF: Final = {
    word: tuple(name for name, listed in _LISTS.items() if word in listed)
    for word in frozenset().union(*_LISTS.values())
}
_SENTENCE: Final = 5
"""Function words that make a sentence of another language."""
_WORD: Final = regex.compile(r"[\p{Latin}\p{M}]+")
_LETTERS: Final = bytes(
    code if chr(code) in string.ascii_lowercase else ord(" ") for code in range(256)
)
_SCRIPTS: Final = {
    "cyrillic": r"\p{Cyrillic}",
    "greek": r"\p{Greek}",
    "arabic": r"\p{Arabic}",
    "devanagari": r"\p{Devanagari}",
    "han": r"\p{Han}",
    "hangul": r"\p{Hangul}",
    "kana": r"\p{Hiragana}\p{Katakana}",
}
_NOT_LATIN: Final = re2.compile(f"[{''.join(_SCRIPTS.values())}]")
_SCRIPTS_OF: Final = {
    "ru": {"cyrillic"},
    "ar": {"arabic"},
    "fa": {"arabic"},
    "hi": {"devanagari"},
    "zh": {"han"},
    "ko": {"hangul", "han"},
}
_ENOUGH: Final = {"han": 11, "hangul": 21, "kana": 21}
"""Letters of another script that make a second answer, if not 41."""
_ANSWER_IN: Final = {
    name: re2.compile(f"^(?:[^{letters}]*[{letters}]){{{_ENOUGH.get(name, 41)}}}")
    for name, letters in _SCRIPTS.items()
}


def function_words(text: Text, timeout: float) -> Counter[str]:
    """How many words of the folded `text` are function words of each language or disguise.

    Raises TimeoutError.
    """
    if text.plain:
        words = text.encoded.translate(_LETTERS).decode().split()
    else:
        words = _WORD.findall(text.text, timeout=timeout)
    listed = filter(_LISTS_OF.__contains__, words)
    return Counter(chain.from_iterable(map(_LISTS_OF.__getitem__, listed)))


def leaves_language(text: Text, counts: Counter[str], own: Set[str]) -> bool:
    """Whether much of the folded `text` is in a language other than `own` (codes). Linear.

    `counts`: its `function_words`.
    """
    return _leaves_script(text, own) or _leaves_latin_language(counts, own)


def _leaves_script(text: Text, own: Set[str]) -> bool:
    if text.plain or not _NOT_LATIN.search(text.encoded):
        return False
    scripts = {script for code in own for script in _SCRIPTS_OF.get(code, ())}
    return any(
        _ANSWER_IN[name].search(text.encoded) is not None for name in _SCRIPTS.keys() - scripts
    )


def _leaves_latin_language(counts: Counter[str], own: Set[str]) -> bool:
    best = max(FUNCTION_WORDS, key=lambda code: counts[code])
    at_home = max((counts[code] for code in own), default=0)
    return best not in own and counts[best] >= max(_SENTENCE, 2 * at_home)
