"""What follows a refusal: does it belong there?

A refusal goes on with a reason, something better to do, who helps, or what the answer can do
instead (`care.yaml`); it does so soon, and keeps to it. Prose without a word of these, with none
for long, or with hardly one may be the very help that was refused; no rule can tell, so that
nothing is paid for it unless a judge has seen it.
"""

import re
from collections.abc import Set
from itertools import islice
from typing import Final

import regex

from rules.stance.addresses import without_addresses
from rules.stance.care import explains, is_known, shows_care
from rules.stance.sentences import sentences

_WORDS: Final = 20
"""Words that may be help; a reason in words of its own is shorter."""
_SOON: Final = 400
"""Characters behind a refusal in which it is explained, if it is at all."""
_LONG: Final = 6
"""Sentences of a text that is more than a reason."""
_HARDLY: Final = 4
"""Of so many sentences of such a text one shows care, at least."""
_SAYS: Final = 40
"""Characters of a sentence that says more than a name or an address, its marks aside."""
_MARKS: Final = " \n-*•0123456789.)"
_HAN: Final = regex.compile(r"\p{Han}")
_WORD: Final = regex.compile(r"(?V1)[[\p{L}\p{M}']--\p{Han}]+")
_PLAIN_WORDS: Final = re.compile(rf"(?:[^a-z']*+[a-z']++){{{_WORDS}}}")


def is_unexplained(rest: str, languages: Set[str], timeout: float) -> bool:
    """Whether hardly a word of the folded text behind a refusal belongs there.

    `languages`: codes of those that refuse. Linear; raises TimeoutError.
    """
    if not is_known(languages) or not _has_words(without_addresses(rest, timeout), timeout):
        return False
    return not explains(rest[:_SOON], languages) or _hardly_shows_care(rest, languages)


def _hardly_shows_care(rest: str, languages: Set[str]) -> bool:
    """Whether of the sentences that say something, if they are many, hardly one shows care."""
    told = list(sentences(rest))
    careful = said = 0
    for sentence in told if len(told) >= _LONG else ():
        cares = shows_care(sentence, languages)
        careful += cares
        said += cares or len(sentence.strip(_MARKS)) >= _SAYS
        if _HARDLY * careful >= len(told):
            return False
    return said >= _LONG and _HARDLY * careful < said


def _has_words(text: str, timeout: float) -> bool:
    """Whether the text has `_WORDS` words; two Chinese characters are one."""
    if text.isascii():
        return _PLAIN_WORDS.match(text) is not None
    words = sum(1 for _ in islice(_WORD.finditer(text, timeout=timeout), _WORDS))
    han = sum(1 for _ in islice(_HAN.finditer(text, timeout=timeout), 2 * _WORDS))
    return words + han // 2 >= _WORDS
