"""What a reader of the answer sees: text that markup hides, strikes out or omits is not said."""

import html
from collections.abc import Sequence
from typing import Final

import re2

from grammar.unseen import UNSEEN
from rules.stance.timed_pattern import IGNORECASE, Match, TimedPattern

# Not bullets, products or names_in_code, which have a blank or a word on both sides.
_EMPHASIS: Final = TimedPattern(r"(?<![\w*\\])[*_]{1,3}(?=[^\s*_])|(?<=[^\s*_])[*_]{1,3}(?![\w*])")
# Words in code font; real code has other characters, and is searched for after refusals.
_SET_AS_CODE: Final = TimedPattern(r"(?<![\w`\\])`([^\W_](?:[\w' -]{0,60}\w)?)`(?![\w`])")
_COMMENT: Final = TimedPattern(r"<!--(?s:.*?)(?:-->|\Z)")
_HIDDEN: Final = TimedPattern(
    r"<(?P<tag>[a-z][a-z0-9]{0,15})\b[^<>]{0,300}?"
    r"(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0|opacity\s*:\s*0(?![.\d])"
    r"|\shidden\b)[^<>]{0,300}>(?:(?s:.{0,500}?)</(?P=tag)\s*>|[^<]{0,500})",
    IGNORECASE,
)
_TAG: Final = TimedPattern(
    r"</?(?:a|b|i|u|em|strong|span|font|mark|small|sub|sup|img)\b[^<>]{0,300}>",
    IGNORECASE,
)
# Tags that are rendered as a line break.
_LINE_TAG: Final = TimedPattern(r"(?:</?(?:p|div|br|h[1-6])\b[^<>]{0,300}>)++", IGNORECASE)
# Struck-out words have been taken back.
_STRUCK: Final = TimedPattern(
    r"(?<!~)~~[^~]{1,500}+~~(?!~)|<(?P<tag>s|del|strike)\b[^<>]{0,300}>[^<]{0,500}+</(?P=tag)\s*>",
    IGNORECASE,
)
# What is never shown: certain elements, declarations, images (their alternative texts are for those
# who cannot see them), LaTeX phantoms, text that a terminal conceals. Code is shown as it is.
_UNSHOWN: Final = TimedPattern(
    r"(?:```(?s:.*?)(?:```|\Z)|`[^`\n]{1,300}`)(*SKIP)(*FAIL)"
    r"|<(?P<tag>template|noscript|title|datalist)\b[^<>]{0,300}>"
    r"(?s:.{0,500}?)</(?P=tag)\s*>"
    r"|<!\[cdata\[(?s:.{0,500}?)\]\]>|<[?!](?!--)[^<>]{0,500}>"
    r"|!\[[^\[\]\n]{0,400}\]\([^()\n]{0,400}\)|(?m:^\[[^\[\]\n]{1,40}\]: ?#? ?[(\"'][^\n]{0,500}$)"
    r"|\\[hv]?phantom\s{0,9}\{(?:[^{}]|\{[^{}]{0,200}+\}){0,500}+\}|\x1b\[8m[^\x1b]{0,500}",
    IGNORECASE,
)
_UNSHOWN_BEGINS: Final = ("<", "![", "]:", "phantom", "\x1b[8m")
_HIDING_MARKS: Final = (*_UNSHOWN_BEGINS, "~~", "](", "=")
"""What is hidden, struck out or shown on hover only has one of these in it."""
_SIGNS: Final = ("<", "[", "]", "phantom", "~", "=")
"""Each of those marks has one of these in it, which are found in a fraction of the time."""
# What is shown only on hover, if at all; of a link its title, not its address.
_ATTRIBUTE: Final = TimedPattern(
    r"(?<![\w-])(?:alt|title|value|placeholder|content|(?:aria|data)-[a-z-]{1,40}+)\s?=\s?"
    r"(?:\"[^\"<>]{1,400}\"|'[^'<>]{1,400}')|\]\([^()\n\" ]{1,200} \K\"[^\"\n]{1,400}\"\)",
    IGNORECASE,
)
# Tags that separate the text around them: block elements, and any tag between sentences.
_SEPARATING_TAG: Final = TimedPattern(
    r"</?(?:section|article|aside|main|header|footer|nav|details|summary|blockquote|pre|form"
    r"|fieldset|ul|ol|li|dl|dt|dd|table|thead|tbody|tr|td|th|hr|figure|figcaption|html|body|head)\b"
    r"[^<>]{0,300}>|(?<=[.!?:。！？।])\s?</?[a-z][^<>]{0,300}>",
    IGNORECASE,
)
_ENTITY: Final = TimedPattern(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,31});", IGNORECASE)


def visible_text(answer: str) -> str:
    """The answer without emphasis, inline tags, and text that is struck out, hidden or not shown.

    Words in code font are kept as words. Tags that are rendered as line breaks become newlines,
    others that separate sentences are followed by one, and character references are decoded. An
    answer of which nothing is shown is left as it is. Linear.
    """
    text = answer.replace("**", "") if "*" in answer else answer
    if "*" in text or "_" in text:
        text = _EMPHASIS.sub("", text)
    if "`" in text:
        text = _SET_AS_CODE.sub(r"\1", text)
    if "<" in text or "~" in text:
        for withdrawn in (_COMMENT, _HIDDEN, _STRUCK, _TAG):
            text = withdrawn.sub("", text)
        text = _LINE_TAG.sub("\n", text)
    if _holds_any(_UNSHOWN_BEGINS, text):
        text = _UNSHOWN.sub("", text).strip() or text
    if "<" in text:
        text = _SEPARATING_TAG.sub(_and_new_line, text)
    if "&" in text:
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    return text


def _holds_any(marks: Sequence[str], text: str) -> bool:
    """Whether one of the marks, which are some of `_HIDING_MARKS`, is in the text."""
    signed = any(map(text.__contains__, _SIGNS))
    return signed and any(map(text.__contains__, marks))


def _and_new_line(tag: Match) -> str:
    """The tag and a newline, so that no sentence continues after it."""
    return f"{tag[0]}\n"


_MIN_MESSAGE_WORDS: Final = 5
"""Fewer hidden words are not a message."""
_WORD: Final = TimedPattern(r"[^\W\d_]+")
# More invisible characters or strokes in a row than any emoji sequence has; the Braille blank is
# left out, as pictures made of Braille have rows of it.
_INVISIBLE: Final = f"[{UNSEEN}\u115f\u1160\u3164\uffa0\\p{{Cf}}]{{12}}"
_STROKES: Final = "[\u0334-\u0338]"
_SMUGGLED: Final = TimedPattern(rf"{_INVISIBLE}|(?:[^\u0334-\u0338]{{1,2}}{_STROKES}){{12}}")
# RE2 finds out in a fraction of the time that there are none.
_MAY_BE_SMUGGLED: Final = re2.compile(f"{_INVISIBLE}|{_STROKES}")


def hides_words(answer: str) -> bool:
    """Whether the answer contains a message that its reader does not see, or sees struck out.

    Linear.
    """
    if _smuggles(answer):
        return True
    if not _holds_any(_HIDING_MARKS, answer):
        return False
    hidden = [
        found.group()
        for pattern in (_COMMENT, _HIDDEN, _STRUCK, _UNSHOWN, _ATTRIBUTE)
        for found in pattern.finditer(answer)
    ]
    said = " ".join(hidden)
    for tag in (_TAG, _LINE_TAG):
        said = tag.sub("", said)
    return len(_WORD.findall(said)) >= _MIN_MESSAGE_WORDS


def _smuggles(answer: str) -> bool:
    if answer.isascii() or not _MAY_BE_SMUGGLED.search(answer.encode(errors="ignore")):
        return False
    return _SMUGGLED.search(answer) is not None
