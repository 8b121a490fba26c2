"""What a reader of the answer sees: text that markup hides, strikes out or omits is not said."""

import html
from typing import Final

import regex

from grammar.unseen import UNSEEN

# Not bullets, products or names_in_code, which have a blank or a word on both sides.
_EMPHASIS: Final = regex.compile(r"(?<![\w*\\])[*_]{1,3}(?=[^\s*_])|(?<=[^\s*_])[*_]{1,3}(?![\w*])")
# Words in code font; real code has other characters, and is searched for after refusals.
_SET_AS_CODE: Final = regex.compile(r"(?<![\w`\\])`([^\W_](?:[\w' -]{0,60}\w)?)`(?![\w`])")
_COMMENT: Final = regex.compile(r"<!--(?s:.*?)(?:-->|\Z)")
_HIDDEN: Final = regex.compile(
    r"<(?P<tag>[a-z][a-z0-9]{0,15})\b[^<>]{0,300}?"
    r"(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0|opacity\s*:\s*0(?![.\d])"
    r"|\shidden\b)[^<>]{0,300}>(?:(?s:.{0,500}?)</(?P=tag)\s*>|[^<]{0,500})",
    regex.IGNORECASE,
)
_TAG: Final = regex.compile(
    r"</?(?:a|b|i|u|em|strong|span|font|mark|small|sub|sup|img)\b[^<>]{0,300}>",
    regex.IGNORECASE,
)
# Tags that are rendered as a line break.
_LINE_TAG: Final = regex.compile(r"(?:</?(?:p|div|br|h[1-6])\b[^<>]{0,300}>)++", regex.IGNORECASE)
# Struck-out words have been taken back.
_STRUCK: Final = regex.compile(
    r"(?<!~)~~[^~]{1,500}+~~(?!~)|<(?P<tag>s|del|strike)\b[^<>]{0,300}>[^<]{0,500}+</(?P=tag)\s*>",
    regex.IGNORECASE,
)
# What is never shown: certain elements, declarations, images (their alternative texts are for those
# who cannot see them), LaTeX phantoms, text that a terminal conceals. Code is shown as it is.
_UNSHOWN: Final = regex.compile(
    r"(?:```(?s:.*?)(?:```|\Z)|`[^`\n]{1,300}`)(*SKIP)(*FAIL)"
    r"|<(?P<tag>template|noscript|title|datalist)\b[^<>]{0,300}>"
    r"(?s:.{0,500}?)</(?P=tag)\s*>"
    r"|<!\[cdata\[(?s:.{0,500}?)\]\]>|<[?!](?!--)[^<>]{0,500}>"
    r"|!\[[^\[\]\n]{0,400}\]\([^()\n]{0,400}\)|(?m:^\[[^\[\]\n]{1,40}\]: ?#? ?[(\"'][^\n]{0,500}$)"
    r"|\\[hv]?phantom\s{0,9}\{(?:[^{}]|\{[^{}]{0,200}+\}){0,500}+\}|\x1b\[8m[^\x1b]{0,500}",
    regex.IGNORECASE,
)
_UNSHOWN_BEGINS: Final = ("<", "![", "]:", "phantom", "\x1b[8m")
# What is shown only on hover, if at all; of a link its title, not its address.
_ATTRIBUTE: Final = regex.compile(
    r"(?<![\w-])(?:alt|title|value|placeholder|content|(?:aria|data)-[a-z-]{1,40}+)\s?=\s?"
    r"(?:\"[^\"<>]{1,400}\"|'[^'<>]{1,400}')|\]\([^()\n\" ]{1,200} \K\"[^\"\n]{1,400}\"\)",
    regex.IGNORECASE,
)
# Tags that separate the text around them: block elements, and any tag between sentences.
_SEPARATING_TAG: Final = regex.compile(
    r"</?(?:section|article|aside|main|header|footer|nav|details|summary|blockquote|pre|form"
    r"|fieldset|ul|ol|li|dl|dt|dd|table|thead|tbody|tr|td|th|hr|figure|figcaption|html|body|head)\b"
    r"[^<>]{0,300}>|(?<=[.!?:。！？।])\s?</?[a-z][^<>]{0,300}>",
    regex.IGNORECASE,
)
_ENTITY: Final = regex.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,31});", regex.IGNORECASE)


def visible_text(answer: str, timeout: float) -> str:
    """The answer without emphasis, inline tags, and text that is struck out, hidden or not shown.

    Words in code font are kept as words. Tags that are rendered as line breaks become newlines,
    others that separate sentences are followed by one, and character references are decoded. An
    answer of which nothing is shown is left as it is. Linear; raises TimeoutError.
    """
    text = answer.replace("**", "")
    if "*" in text or "_" in text:
        text = _EMPHASIS.sub("", text, timeout=timeout)
    if "`" in text:
        text = _SET_AS_CODE.sub(r"\1", text, timeout=timeout)
    if "<" in text or "~~" in text:
        for withdrawn in (_COMMENT, _HIDDEN, _STRUCK, _TAG):
            text = withdrawn.sub("", text, timeout=timeout)
        text = _LINE_TAG.sub("\n", text, timeout=timeout)
    if any(map(text.__contains__, _UNSHOWN_BEGINS)):
        text = _UNSHOWN.sub("", text, timeout=timeout).strip() or text
    if "<" in text:
        text = _SEPARATING_TAG.sub(_and_new_line, text, timeout=timeout)
    if "&" in text:
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text, timeout=timeout)
    return text


def _and_new_line(tag: "regex.Match[str]") -> str:
    """The tag and a newline, so that no sentence continues after it."""
    return f"{tag[0]}\n"


_MIN_MESSAGE_WORDS: Final = 5
"""Fewer hidden words are not a message."""
_WORD: Final = regex.compile(r"[^\W\d_]+")
# More invisible characters or strokes in a row than any emoji sequence has; the Braille blank is
# left out, as pictures made of Braille have rows of it.
_SMUGGLED: Final = regex.compile(
    rf"[{UNSEEN}\u115f\u1160\u3164\uffa0\p{{Cf}}]{{12}}"
    r"|(?:[^\u0334-\u0338]{1,2}[\u0334-\u0338]){12}"
)


def hides_words(answer: str, timeout: float) -> bool:
    """Whether the answer contains a message that its reader does not see, or sees struck out.

    Linear; raises TimeoutError.
    """
    if not answer.isascii() and _SMUGGLED.search(answer, timeout=timeout):
        return True
    marked = any(map(answer.__contains__, _UNSHOWN_BEGINS))
    if not marked and not any(map(answer.__contains__, ("~~", "](", "="))):
        return False
    hidden = [
        found.group()
        for pattern in (_COMMENT, _HIDDEN, _STRUCK, _UNSHOWN, _ATTRIBUTE)
        for found in pattern.finditer(answer, timeout=timeout)
    ]
    said = " ".join(hidden)
    for tag in (_TAG, _LINE_TAG):
        said = tag.sub("", said, timeout=timeout)
    return len(_WORD.findall(said, timeout=timeout)) >= _MIN_MESSAGE_WORDS
