"""Fold characters that look the same to a reader into one form, before any rule reads the text.

Rules are written once, in plain lower-case letters. A policy that writes "Ι сan’t" with a Greek
iota, a Cyrillic es and a curly quote must not change its stance by it. Every step is linear in the
length of the text, and ASCII text takes a short cut.
"""

import re
import string
import unicodedata
from typing import Final

import re2
from opencc import OpenCC

from grammar.unseen import BLANKS, UNSEEN
from rules.blocks import BLOCK_LENGTH, blocks
from rules.stance.time_limit import DEFAULT_SECONDS, within
from rules.stance.timed_pattern import Match, TimedPattern

_DROPPED_CLASS: Final = (
    # Invisible characters, strokes through a letter, Arabic and Hebrew vowel marks and the tatweel,
    # the Hindi nukta; two honorifics that are a character each, and eight and eighteen composed.
    rf"[{UNSEEN}\p{{Cf}}\u0334-\u0338"
    r"\u0591-\u05bd\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u093c\ufdfa\ufdfb]+"
)


_CODE_POINT: Final = re.compile(r"\\[uU]([0-9a-f]{8}|[0-9a-f]{4})")


def _spelt(pattern: str) -> str:
    """The pattern with the characters themselves for escapes such as `\\u0640`, unknown to RE2."""
    return _CODE_POINT.sub(lambda code: chr(int(code[1], 16)), pattern)


_SAME: Final = {
    letter: same
    for letters, same in {
        "‘’‚‛ʼ′´＇ʹ": "'",
        "“”„‟″«»「」『』": '"',
        "‐‑‒–—―−﹘﹣": "-",
        "أإآٱ": "ا",
        "ىیېےئ": "ي",
        "کڪ": "ك",
        "ةۀہھە": "ه",
        "ؤ": "و",
        "ё": "е",
        "…": "...",
    }.items()
    for letter in letters
} | {
    # Numbers in circles that NFKC leaves as they are.
    circled: number
    for circles in ("❶❷❸❹❺❻❼❽❾", "➀➁➂➃➄➅➆➇➈", "➊➋➌➍➎➏➐➑➒", "⓵⓶⓷⓸⓹⓺⓻⓼⓽")
    for circled, number in zip(circles, "123456789", strict=True)
}
_TO_SAME: Final = re.compile(f"[{''.join(_SAME)}]")
# Letters of other scripts that a reader takes for Latin ones (Unicode TR 39, confusables.txt,
# restricted to lower-case Cyrillic, Greek, Armenian and the small capitals of phonetics).
_LATIN_LOOK: Final = str.maketrans(
    "аеорсухіјѕԁһӏԛԝвнкмтьгпиλαοενικρτυχωγηαϲϳօսոհցѵɑɡıʟɪɴʀ",
    "aeopcyxijsdhlqwbhkmtbrnuaaoevikptuxwynacjouuhgvagilinr",
)
_TO_SIMPLIFIED: Final = OpenCC("t2s")
"""Traditional Chinese characters into the simplified ones in which rules are written."""
_OTHER: Final = r"[\p{Cyrillic}\p{Greek}\p{Armenian}]"
_MIX: Final = rf"\p{{Latin}}'?{_OTHER}|{_OTHER}'?\p{{Latin}}"
_WORD: Final = TimedPattern(r"[\p{L}']+")
_FOREIGN_WORD: Final = TimedPattern(f"{_OTHER}+")
_MIXED: Final = TimedPattern(_MIX)
_DROPPED: Final = TimedPattern(_DROPPED_CLASS)
_STACKED_MARKS: Final = TimedPattern(r"(\p{M}{8})\p{M}+")
# RE2 finds out whether a step has anything to do in a fraction of the time of the step.
_HAS_DROPPED: Final = re2.compile(_spelt(_DROPPED_CLASS))
_HAS_STACKED_MARKS: Final = re2.compile(r"\pM{9}")
_HAS_OTHER: Final = re2.compile(_OTHER)
_HAS_HAN: Final = re2.compile(r"\p{Han}")
_HAS_MIXED: Final = re2.compile(_MIX)
_ASCII_LETTERS: Final = string.ascii_lowercase.encode()
_CONTROLS: Final = "".join(filter(re.compile(f"[{UNSEEN}]").match, map(chr, range(128)))).encode()
"""Invisible ASCII characters."""
_OTHER_LEADS: Final = bytes(range(0xCD, 0xD7))
"""First bytes, in UTF-8, of Greek, Cyrillic and Armenian letters."""
_ENTIRELY_LATIN_LOOK: Final = frozenset("аеорсухіјѕԁһӏοεικρτυχωϲϳօսհցѵɑɡıʟɪɴʀν")
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]+")
_OTHER_SPACE: Final = "\t\r\f\v\x1c\x1d\x1e\x1f\x85\u1680\u2028\u2029" + BLANKS
_TO_SPACE: Final = str.maketrans(dict.fromkeys(_OTHER_SPACE, " "))
# Negations that lack their apostrophe; "dont" alone is a French word.
_BARE_NEGATION: Final = re.compile(
    r"\b(ca|wo|could|would|should|does|did|is|are|(?<=\bi )do|(?<=\bwe )do|(?<=\byou )do"
    r"|(?<=\bplease )do)nt\b"
)
_HAS_BARE_NEGATION: Final = re2.compile(r"\b(?:ca|wo|do|[a-z]+ld|does|did|is|are)nt\b")
_TICK: Final = re.compile(r"(?<=[a-z])`(?=[a-z])")
"""A backtick where an apostrophe is meant; elsewhere it marks code."""


def fold(text: str) -> str:
    """The text in lower case, without look-alikes, invisible characters and repeated white space.

    Idempotent and pure. Newlines are kept, as they end sentences; other white space becomes one
    space.
    """
    if len(text) > BLOCK_LENGTH:
        return _tidy("".join(fold(block) for block in blocks(text)))
    if text.isascii():
        return _tidy(_without_controls(text).lower())
    plain = _TYPOGRAPHIC.sub(_as_typed, text)
    if plain.isascii():
        return _tidy(_without_controls(plain).lower())
    for _ in range(4):
        # Folding one character can expose another (a case fold that decomposes, a dropped mark
        # that lets its neighbours compose): repeat until nothing moves. Four rounds suffice for
        # every character of Unicode; ordinary text leaves after one or two.
        folded = _normalise(text)
        if folded == text or folded.isascii():
            break
        text = folded
    return folded


def _without_controls(text: str) -> str:
    """ASCII text without its invisible controls, at memory speed."""
    return text.encode().translate(None, _CONTROLS).decode()


def fold_pattern(pattern: str) -> str:
    """The literal text of a pattern folded as answers are; its ASCII syntax stays as it is."""

    def folded(literal: re.Match[str]) -> str:
        # A pattern may be loaded while an answer is read; the answer's limit is not its own.
        return re.escape(within(DEFAULT_SECONDS, _normalise, literal[0]))

    return _NOT_ASCII.sub(folded, pattern)


def _normalise(text: str) -> str:
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        # Lone surrogates are not characters.
        text = text.encode(errors="ignore").decode()
        encoded = text.encode()
    if _HAS_STACKED_MARKS.search(encoded):
        # Marks stacked on one letter say nothing, and normalising them takes quadratic time.
        text = _STACKED_MARKS.sub(r"\1", text)
    if _HAS_DROPPED.search(encoded):
        text = _DROPPED.sub("", text)
    text = _composed(_composed(text).casefold())
    encoded = text.encode()
    text = _TO_SAME.sub(lambda match: _SAME[match[0]], text)
    if _HAS_HAN.search(encoded):
        text = _TO_SIMPLIFIED.convert(text)
    if _HAS_OTHER.search(encoded):
        text = _as_latin(text, encoded)
    return _tidy(text)


def _composed(text: str) -> str:
    return text if unicodedata.is_normalized("NFKC", text) else unicodedata.normalize("NFKC", text)


def _tidy(text: str) -> str:
    if any(map(text.__contains__, _OTHER_SPACE)):
        text = text.translate(_TO_SPACE)
    while "  " in text:
        text = text.replace("  ", " ")
    if "\n" in text:
        text = text.replace(" \n", "\n").replace("\n ", "\n")
    if "`" in text:
        text = _TICK.sub("'", text)
    if _HAS_BARE_NEGATION.search(text.encode()):
        text = _BARE_NEGATION.sub(r"\1n't", text)
    return text


def _as_latin(text: str, encoded: bytes) -> str:
    """The text with mixed-script words, and look-alike words among Latin ones, in Latin letters.

    A Russian or Greek text stays as it is: only a word with Latin letters in it is read as Latin,
    unless most of the text is Latin, when a word made of look-alikes alone ("сору") is Latin too.
    """
    if _HAS_MIXED.search(encoded):
        text = _WORD.sub(lambda word: _unmixed(word.group()), text)
    latin = len(encoded) - len(encoded.translate(None, _ASCII_LETTERS))
    other = len(encoded) - len(encoded.translate(None, _OTHER_LEADS))
    if other < latin:
        text = _FOREIGN_WORD.sub(_look_alike_word, text)
    return text


def _unmixed(word: str) -> str:
    return word.translate(_LATIN_LOOK) if _MIXED.search(word) else word


def _look_alike_word(match: Match) -> str:
    word: str = match.group()
    return word.translate(_LATIN_LOOK) if _ENTIRELY_LATIN_LOOK.issuperset(word) else word


_TYPED: Final = {
    character: typed for character in (*_SAME, "\xa0") if (typed := _normalise(character)).isascii()
}
"""Typographic characters that fold to ASCII ones, regardless of their neighbours."""
_TYPOGRAPHIC: Final = re.compile(f"[{''.join(_TYPED)}]")


def _as_typed(match: re.Match[str]) -> str:
    return _TYPED[match[0]]
