"""Fold what looks the same to a reader into the same characters, before any rule reads it.

Rules are written once, in plain lower-case letters. A policy that writes "Ι сan’t" with a Greek
iota, a Cyrillic es and a curly quote must not change its stance by it. Every step is linear in the
text, and text in plain ASCII takes a short cut.
"""

import unicodedata
from typing import Final

import regex

TIMEOUT: Final = 1.0
"""Seconds for one step of folding where the caller names none; the steps are linear."""
_DROPPED: Final = regex.compile(
    # Format characters (zero width, bidirectional, soft hyphen, tags), lone surrogates,
    # variation selectors,
    # invisible letters, Arabic and Hebrew vowel marks and the tatweel, the Hindi nukta.
    r"[\p{Cf}\p{Cs}\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef"
    r"\u0591-\u05bd\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u093c]+"
)
_SAME: Final = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛ʼ′´`＇ʹ", "'"),
        **dict.fromkeys("“”„‟″«»「」『』", '"'),
        **dict.fromkeys("‐‑‒–—―−﹘﹣", "-"),
        **dict.fromkeys("أإآٱ", "ا"),
        **dict.fromkeys("ىیېے", "ي"),
        **dict.fromkeys("کڪ", "ك"),
        **dict.fromkeys("ةۀہھە", "ه"),
        "ؤ": "و",
        "ئ": "ي",
        "ё": "е",
        "…": "...",
    }
)
# Letters of other scripts that a reader takes for Latin ones (Unicode TR 39, confusables.txt,
# restricted to lower-case Cyrillic, Greek, Armenian and the small capitals of phonetics).
_LATIN_LOOK: Final = str.maketrans(
    "аеорсухіјѕԁһӏԛԝвнкмтьгпиλαοενικρτυχωγηαϲϳօսոհցѵɑɡıʟɪɴʀ",
    "aeopcyxijsdhlqwbhkmtbrnuaaoevikptuxwynacjouuhgvagilinr",
)
_WORD: Final = regex.compile(r"[\p{L}']+")
_MIXED: Final = regex.compile(
    r"\p{Latin}'?[\p{Cyrillic}\p{Greek}\p{Armenian}]|[\p{Cyrillic}\p{Greek}\p{Armenian}]'?\p{Latin}"
)
_STACKED_MARKS: Final = regex.compile(r"(\p{M}{8})\p{M}+")
_FOREIGN_WORD: Final = regex.compile(r"[\p{Cyrillic}\p{Greek}\p{Armenian}]+")
_OTHER_SCRIPT: Final = regex.compile(r"[\p{Cyrillic}\p{Greek}\p{Armenian}]")
_ENTIRELY_LATIN_LOOK: Final = frozenset("аеорсухіјѕԁһӏοεικρτυχωϲϳօսհցѵɑɡıʟɪɴʀν")
_NOT_ASCII: Final = regex.compile(r"[^\x00-\x7f]+")
_UNTIDY: Final = ("  ", " \n", "\n ", *"\t\r\f\v\x1c\x1d\x1e\x1f\x85\u1680\u2028\u2029")


def fold(text: str, timeout: float = TIMEOUT) -> str:
    """The text in lower case, look-alikes and invisible characters resolved, white space tidy.

    Idempotent and pure. Newlines stay (they end sentences); other white space becomes one space.
    `timeout`: seconds for one step. Raises TimeoutError.
    """
    if text.isascii():
        return _tidy(text.lower())
    folded = _normalise(text, timeout)
    for _ in range(3):
        # Folding one character can expose another (a case fold that decomposes, a dropped mark
        # that lets its neighbours compose): repeat until nothing moves. Three rounds suffice for
        # every character of Unicode; ordinary text leaves after one.
        again = _normalise(folded, timeout)
        if again == folded:
            break
        folded = again
    return folded


def fold_pattern(pattern: str) -> str:
    """The literal text of a pattern folded as answers are; its ASCII syntax stays as it is."""

    def folded(match: "regex.Match[str]") -> str:
        return regex.escape(_normalise(match.group(), TIMEOUT))

    return str(_NOT_ASCII.sub(folded, pattern, timeout=TIMEOUT))


def _normalise(text: str, timeout: float) -> str:
    # Marks piled on one letter say nothing, and sorting them would take quadratic time.
    text = _STACKED_MARKS.sub(r"\1", text, timeout=timeout)
    if not unicodedata.is_normalized("NFKC", text):
        text = unicodedata.normalize("NFKC", text)
    text = _DROPPED.sub("", text, timeout=timeout).casefold().translate(_SAME)
    if _OTHER_SCRIPT.search(text, timeout=timeout):
        text = _as_latin(text, timeout)
    return _tidy(unicodedata.normalize("NFKC", text))


def _tidy(text: str) -> str:
    if any(map(text.__contains__, _UNTIDY)):
        return "\n".join([" ".join(line.split()) for line in text.split("\n")])
    return text


def _as_latin(text: str, timeout: float) -> str:
    """Words that mix scripts, and look-alike words among Latin ones, in Latin letters.

    A Russian or Greek text stays as it is: only a word with Latin letters in it is read as Latin,
    unless most of the text is Latin, when a word made of look-alikes alone ("сору") is Latin too.
    """
    if _MIXED.search(text, timeout=timeout):
        text = _WORD.sub(lambda word: _unmixed(word.group(), timeout), text, timeout=timeout)
    foreign = _OTHER_SCRIPT.findall(text, timeout=timeout)
    if foreign and 2 * len(foreign) < sum(map(str.isalpha, text)):
        text = _FOREIGN_WORD.sub(_look_alike_word, text, timeout=timeout)
    return text


def _unmixed(word: str, timeout: float) -> str:
    return word.translate(_LATIN_LOOK) if _MIXED.search(word, timeout=timeout) else word


def _look_alike_word(match: "regex.Match[str]") -> str:
    word: str = match.group()
    return word.translate(_LATIN_LOOK) if _ENTIRELY_LATIN_LOOK.issuperset(word) else word
