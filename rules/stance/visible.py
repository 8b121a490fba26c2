"""What a reader of the answer sees: hidden markup and quotations are not the answer's own words."""

import html
from typing import Final

import regex

_COMMENT: Final = regex.compile(r"<!--(?s:.*?)(?:-->|\Z)")
_HIDDEN: Final = regex.compile(
    r"<(?P<tag>[a-z][a-z0-9]{0,15})\b[^<>]{0,300}?"
    r"(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0|opacity\s*:\s*0(?![.\d])"
    r"|\shidden\b)[^<>]{0,300}>(?:(?s:.{0,500}?)</(?P=tag)\s*>|[^<]{0,500})",
    regex.IGNORECASE,
)
_TAG: Final = regex.compile(
    r"</?(?:a|b|i|u|em|strong|span|p|div|br|font|mark|small|sub|sup|h[1-6])\b[^<>]{0,300}>",
    regex.IGNORECASE,
)
# Struck-out words have been taken back.
_STRUCK: Final = regex.compile(
    r"(?<!~)~~[^~]{1,500}+~~(?!~)|<(?P<tag>s|del|strike)\b[^<>]{0,300}>[^<]{0,500}+</(?P=tag)\s*>",
    regex.IGNORECASE,
)
_ENTITY: Final = regex.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,31});", regex.IGNORECASE)
_QUOTATION: Final = regex.compile(r'"[^"\n]{1,300}"')
# An apostrophe inside a word neither opens nor closes a quotation.
_SINGLE: Final = regex.compile(
    r"(?<![\w'])'(?=\w)[^'\n]{1,200}(?:(?<=\w)'(?=\w)[^'\n]{1,200}){0,4}'(?![\w'])"
)


def visible_text(answer: str, timeout: float) -> str:
    """The answer without emphasis marks, comments, hidden elements, struck-out words, inline tags.

    Character references are written out. Linear; raises TimeoutError.
    """
    text = answer.replace("**", "")
    if "<" in text or "~~" in text:
        for withdrawn in (_COMMENT, _HIDDEN, _STRUCK, _TAG):
            text = withdrawn.sub("", text, timeout=timeout)
    if "&" in text:
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text, timeout=timeout)
    return text


_WORDS: Final = 5
"""Words that are a message."""
_WORD: Final = regex.compile(r"[^\W\d_]+")
# No flag or family of emoji holds as many invisible characters in a row, or as many strokes.
_SMUGGLED: Final = regex.compile(
    r"[\p{Cf}\u034f\u115f\u1160\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]{12}"
    r"|(?:[^\u0334-\u0338]{1,2}[\u0334-\u0338]){12}"
)


def hides_words(answer: str, timeout: float) -> bool:
    """Whether the answer holds a message that its reader does not see, or sees struck out.

    Linear; raises TimeoutError.
    """
    if not answer.isascii() and _SMUGGLED.search(answer, timeout=timeout):
        return True
    if "<" not in answer and "~~" not in answer:
        return False
    hidden = [
        found.group()
        for pattern in (_COMMENT, _HIDDEN, _STRUCK)
        for found in pattern.finditer(answer, timeout=timeout)
    ]
    return len(_WORD.findall(_TAG.sub("", " ".join(hidden)), timeout=timeout)) >= _WORDS


def without_quotations(folded: str, timeout: float) -> str:
    """The folded text with what stands in quotes left out: a mention is not a statement.

    A text that is little more than one quotation keeps it: then the quotation is the answer.
    """
    own = folded
    if '"' in folded:
        own = str(_QUOTATION.sub('""', own, timeout=timeout))
    if " '" in folded:
        own = str(_SINGLE.sub("''", own, timeout=timeout))
    return own if 4 * len(own) > len(folded) else folded
