"""Does a text continue in another language? Its script tells or, in Latin script, function words.

Listed function words are rare in the other languages, so a handful of them is a sentence, while
names, terms and links, which are Latin in every script, are not. A text with hardly a common word
of its own language is in another one, or in a cipher, whichever that is.
"""

import codecs
import string
from collections import Counter
from collections.abc import Iterator, Set
from itertools import chain
from typing import Final

import re2

from rules.blocks import blocks
from rules.stance.text import Text
from rules.stance.timed_pattern import TimedPattern

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
# Words that most sentences contain; unlike function words, they may occur in other languages.
_COMMON: Final[dict[str, frozenset[str]]] = {
    code: FUNCTION_WORDS[code] | frozenset(words.split())
    for code, words in {
        "en": "to for by be we they my our its if not but can could would should will have has"
        " does please there their them who what how when about more any other some all out off help"
        " call contact line text support crisis cannot or information on an at as during such these"
        " those because which than without",
        "de": "die ich du sie er es wir ihr mir dir ihnen ihre dein sein zu in im an am von bei aus"
        " um als wenn dass aber auch kann bitte es so nur noch nach wie haben sind hat",
        "fr": "la de à en ce cette ces il elle on je tu nous ne pas que qui se si mais plus par son"
        " l d n s c j m qu est sont être ou y a ai peut pouvez",
        "es": "de la a en que se no un una es si o te le me mi más pero puedes puede son ser hay",
        "it": "di la le i un una in a è non ti mi ci lo se o ma più come puoi può sono sia l d",
    }.items()
}
DISGUISES: Final[dict[str, frozenset[str]]] = {
    "rot13": frozenset(codecs.encode(word, "rot13") for word in FUNCTION_WORDS["en"]),
    # Without those that read as words of other languages: si, ti, era.
    "backwards": frozenset(word[::-1] for word in FUNCTION_WORDS["en"] - {"is", "it", "are"}),
}
"""English in ciphers, each counted like a language of its own."""
_LISTS: Final = FUNCTION_WORDS | DISGUISES
_LISTS_OF: Final = {
    word: tuple(name for name, listed in _LISTS.items() if word in listed)
    for word in frozenset().union(*_LISTS.values())
}
_MIN_SENTENCE_FUNCTION_WORDS: Final = 5
"""Fewer function words may be a name or a term."""
_WORD: Final = TimedPattern(r"[\p{Latin}\p{M}]+")
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
    "hebrew": r"\p{Hebrew}",
    "thai": r"\p{Thai}",
    "bengali": r"\p{Bengali}",
    "tamil": r"\p{Tamil}",
    "telugu": r"\p{Telugu}",
    "gujarati": r"\p{Gujarati}",
    "georgian": r"\p{Georgian}",
    "armenian": r"\p{Armenian}",
    "ethiopic": r"\p{Ethiopic}",
    "khmer": r"\p{Khmer}",
}
_NOT_LATIN: Final = re2.compile(f"[{''.join(_SCRIPTS.values())}]")
_SCRIPTS_OF: Final = {
    "ru": {"cyrillic"},
    "ar": {"arabic"},
    "fa": {"arabic"},
    "hi": {"devanagari"},
    "zh": {"han"},
    "ko": {"hangul", "han"},
    "mul": {"kana", "han", "thai", "greek", "cyrillic", "hebrew", "bengali", "tamil", "arabic"},
}
_MIN_ANSWER_LETTERS: Final = dict.fromkeys(_SCRIPTS, 41) | {
    "han": 11,
    "hangul": 21,
    "kana": 12,
    "thai": 31,
}
"""Fewer letters of another script are names and terms rather than a second answer."""
_ROMANISED: Final = re2.compile(r"(?:[\p{Latin}'][\p{Latin}\p{Nd}']*[\s,.;:-]+){8}")
"""More Latin words in a row than a name or a term has."""
_MIN_ENGLISH_FUNCTION_WORDS: Final = 2
"""Latin words with these among them are English, such as an institution's name."""
_MIN_ANSWER_WORDS: Final = 10
"""Fewer words cannot be a second answer, even if none is common in the first one's language."""
_MIN_WORDS_PER_COMMON_WORD: Final = 20
"""With fewer common words a text is in another language; in its own, every third is common."""
_ANSWER_IN: Final = {
    name: re2.compile(f"^(?:[^{letters}]*[{letters}]){{{_MIN_ANSWER_LETTERS[name]}}}")
    for name, letters in _SCRIPTS.items()
}


def function_words(text: Text) -> Counter[str]:
    """How many words of the folded `text` are function words of each language or disguise."""
    words = chain.from_iterable(_latin_words(text))
    listed = filter(_LISTS_OF.__contains__, words)
    return Counter(chain.from_iterable(map(_LISTS_OF.__getitem__, listed)))


def _latin_words(text: Text) -> Iterator[list[str]]:
    """The words in Latin letters, one list for each block of the text."""
    for block in blocks(text.text):
        if text.is_ascii:
            yield block.encode().translate(_LETTERS).decode().split()
        else:
            yield _WORD.findall(block)


def leaves_language(text: Text, counts: Counter[str], own: Set[str]) -> bool:
    """Whether much of the folded `text` is in a language other than `own` (codes). Linear.

    `counts`: its `function_words`.
    """
    if _leaves_script(text, own) or _leaves_latin_language(counts, own):
        return True
    unlike_english = (
        counts["en"] < _MIN_ENGLISH_FUNCTION_WORDS and own.isdisjoint(_COMMON) and "mul" not in own
    )
    if unlike_english and _ROMANISED.search(text.encoded):
        return True
    if sum(counts[code] for code in own) >= _MIN_SENTENCE_FUNCTION_WORDS:
        return False  # nearly always
    common = frozenset().union(*(_COMMON.get(code, ()) for code in own))
    words, known = 0, 0
    for block in _latin_words(text) if common else ():
        words += len(block)
        known += sum(map(common.__contains__, block))
    return words >= _MIN_ANSWER_WORDS and _MIN_WORDS_PER_COMMON_WORD * known < words


def _leaves_script(text: Text, own: Set[str]) -> bool:
    if text.is_ascii or not _NOT_LATIN.search(text.encoded):
        return False
    scripts = {script for code in own for script in _SCRIPTS_OF.get(code, ())}
    return any(
        _ANSWER_IN[name].search(text.encoded) is not None for name in _SCRIPTS.keys() - scripts
    )


def _leaves_latin_language(counts: Counter[str], own: Set[str]) -> bool:
    best = max(FUNCTION_WORDS, key=lambda code: counts[code])
    own_count = max((counts[code] for code in own), default=0)
    return best not in own and counts[best] >= max(_MIN_SENTENCE_FUNCTION_WORDS, 2 * own_count)
