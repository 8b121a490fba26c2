"""Text in disguise: base64, hex, bits, Morse, rot13, back to front, leetspeak, letters spelt apart.

A disguise of letters is seen by what it hides: English function words that appear once it is
undone.
"""

import codecs
from typing import Final

import re2
import regex

from rules.stance.language import count_function_words

_RUNS: Final = regex.compile(
    r"(?<![a-z0-9+/=])(?:[a-z0-9+/]{48,}={0,2}|(?:[0-9a-f]{2}[ :,]?){24,}"
    r"|(?:\\x[0-9a-f]{2}){8,}|(?:[01]{8} ?){8,}|(?:%[0-9a-f]{2}){8,})(?![a-z0-9+/])"
    r"|(?<![.\-])(?:[.\-]{1,5}[ /|]{1,3}){12,}"
    r"|(?<!\w)(?:\w[.\-_*| ]{1,2}){12,}"
)
# RE2 says in a fraction of the time that there is nothing of the kind.
_MAYBE_RUNS: Final = re2.compile(
    r"[a-z0-9+/]{48}|(?:[0-9a-f]{2}[ :,]?){24}|(?:\\x[0-9a-f]{2}){8}|(?:[01]{8} ?){8}"
    r"|(?:%[0-9a-f]{2}){8}|(?:[.\-]{1,5}[ /|]{1,3}){12}|(?:[\pL\pN_][.\-_*| ]{1,2}){12}"
)
_LEET: Final = str.maketrans("431057@$!", "aeiostasi")
_LEET_WORD: Final = regex.compile(r"[a-z@$!]*(?:[a-z][013457@$!]|[013457@$!][a-z])[a-z013457@$!]*")
ENOUGH: Final = 4
"""Function words that make a sentence."""


def is_encoded(text: str, timeout: float) -> bool:
    """Whether part of the folded text must be decoded to be read. Linear; raises TimeoutError."""
    if _MAYBE_RUNS.search(text.encode()) and _RUNS.search(text, timeout=timeout):
        return True
    plain = count_function_words(text, "en")
    disguises = (codecs.decode(text, "rot13"), text[::-1])
    if any(count_function_words(t, "en") >= max(ENOUGH, 2 * plain) for t in disguises):
        return True
    words = _LEET_WORD.findall(text, timeout=timeout)
    undone = " ".join(words).translate(_LEET)
    return len(set(words)) >= ENOUGH and count_function_words(undone, "en") >= 2
