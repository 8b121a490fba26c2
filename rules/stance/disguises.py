"""Disguised text: base64, character codes, Morse, rot13, leetspeak, words spelt letter by letter.

A cipher of letters is detected by the English function words that appear once it is undone.
"""

from collections import Counter
from itertools import chain
from typing import Final

import re2

from rules.blocks import blocks
from rules.stance.addresses import in_parts
from rules.stance.language import DISGUISES, FUNCTION_WORDS
from rules.stance.text import Text
from rules.stance.timed_pattern import TimedPattern

# Runs are matched only as far as needed: `regex` stores a backtracking state for every repetition.
_RUNS: Final = TimedPattern(
    r"(?<![a-z0-9+/=])(?:[a-z0-9+/]{48,}={0,2}|[a-z0-9+/]{12,}={1,2}(?!\w)"
    r"|(?:[0-9a-f]{2}[ :,]?){23}(?:[0-9a-f]{2}){1,24}+"
    r"|(?:\\x[0-9a-f]{2}){8}|(?:[01]{8} ?){7}(?:[01]{8}){1,6}+|(?:%[0-9a-f]{2}){8})(?![a-z0-9+/])"
    r"|(?<![.\-])(?:[.\-]{1,5}[ /|]{1,3}){12}"
    r"|(?<!\w)(?:[\w🄀-🇿][.\-_*| ]{1,2}){12}"
    r"|(?<!\d)(?:(?:3[2-9]|[4-9]\d|1[01]\d|12[0-6])[ ,;]{1,2}){16}"
    r"|(?<![a-z])(?:[a-z',.]{1,20}[_*~|+]){8}[a-z]|(?<![a-z])(?:[a-z',.]{1,20}\n){12}"
)
_LEET: Final = str.maketrans("431057@$!", "aeiostasi")
_LEET_WORD: Final = TimedPattern(r"[a-z@$!]*(?:[a-z][013457@$!]|[013457@$!][a-z])[a-z013457@$!]*")
# RE2 finds out in a fraction of the time that there are no such runs and words.
_MAY_OCCUR: Final = re2.compile(
    r"[a-z0-9+/]{48}|[a-z0-9+/]{12}={1,2}(?:\W|$)|(?:[0-9a-f]{2}[ :,]?){24}"
    r"|(?:\\x[0-9a-f]{2}){8}|(?:[01]{8} ?){8}"
    r"|(?:%[0-9a-f]{2}){8}|(?:[.\-]{1,5}[ /|]{1,3}){12}|(?:[\pL\pN_][.\-_*| ]{1,2}){12}"
    r"|(?:[🄀-🇿][.\-_*| ]+){8}|(?:\p{Nd}+[ ,;]+){8}|(?:[a-z',.]+[_*~|+]){8}|(?:[a-z',.]+\n){8}"
    r"|(?:(?:[a-z][013457@$!]|[013457@$!][a-z])(?s:.*?)){4}"
)
_ENGLISH: Final = FUNCTION_WORDS["en"]
_MIN_WORDS: Final = 4
"""Function words that show a cipher; leetspeak needs as many different words to be considered."""


def is_disguised(text: Text, counts: Counter[str]) -> bool:
    """Whether part of the folded text must be decoded before it can be read.

    `counts`: its `function_words`. Linear.
    """
    may_occur = _MAY_OCCUR.search(text.encoded) is not None
    if may_occur and _RUNS.search(in_parts(text.text)):
        return True
    enough = max(_MIN_WORDS, 2 * counts["en"])
    if any(counts[disguise] >= enough for disguise in DISGUISES):
        return True
    return may_occur and _is_leet(text.text)


def _is_leet(text: str) -> bool:
    words = Counter(chain.from_iterable(_LEET_WORD.findall(block) for block in blocks(text)))
    english = (count for word, count in words.items() if word.translate(_LEET) in _ENGLISH)
    return len(words) >= _MIN_WORDS and sum(english) >= 2
