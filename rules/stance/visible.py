"""What a reader of the answer sees: hidden markup and quotations are not the answer's own words.

Nor is the sign of a warning before its first word one of them.
"""

import html
from typing import Final

import regex

from rules.stance.folding import fold_pattern

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
# What is never shown: such elements, declarations, images (their texts are for those who cannot
# see them), blanks as wide as a formula, what a terminal conceals. Code is shown as it stands.
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
# What is shown to those who point at it, if at all.
_ATTRIBUTE: Final = regex.compile(
    r"(?<![\w-])(?:alt|title|value|placeholder|content|(?:aria|data)-[a-z-]{1,40}+)\s?=\s?"
    r"(?:\"[^\"<>]{1,400}\"|'[^'<>]{1,400}')|\]\([^()\n\" ]{1,200} \"[^\"\n]{1,400}\"\)",
    regex.IGNORECASE,
)
# Tags that part what stands around them: those of blocks, and all that begin a sentence.
_PARTING_TAG: Final = regex.compile(
    r"</?(?:section|article|aside|main|header|footer|nav|details|summary|blockquote|pre|form"
    r"|fieldset|ul|ol|li|dl|dt|dd|table|thead|tbody|tr|td|th|hr|figure|figcaption|html|body|head)\b"
    r"[^<>]{0,300}>|(?<=[.!?:。！？।])\s?</?[a-z][^<>]{0,300}>",
    regex.IGNORECASE,
)
_ENTITY: Final = regex.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,31});", regex.IGNORECASE)
_QUOTATION: Final = regex.compile(r'"[^"\n]{1,300}"')
_BLOCK: Final = regex.compile(r"(?m)^ ?>[^\n]*$")
# An apostrophe inside a word neither opens nor closes a quotation.
_SINGLE: Final = regex.compile(
    r"(?<![\w'])'(?=\w)[^'\n]{1,200}(?:(?<=\w)'(?=\w)[^'\n]{1,200}){0,4}'(?![\w'])"
)


def visible_text(answer: str, timeout: float) -> str:
    """The answer without emphasis marks, inline tags, and what is struck out, hidden or not shown.

    Tags that part sentences are followed by a new line, character references are written out. An
    answer of which nothing is shown stays as it is. Linear; raises TimeoutError.
    """
    text = answer.replace("**", "")
    if "<" in text or "~~" in text:
        for withdrawn in (_COMMENT, _HIDDEN, _STRUCK, _TAG):
            text = withdrawn.sub("", text, timeout=timeout)
    if any(map(text.__contains__, _UNSHOWN_BEGINS)):
        text = _UNSHOWN.sub("", text, timeout=timeout).strip() or text
    if "<" in text:
        text = _PARTING_TAG.sub(_and_new_line, text, timeout=timeout)
    if "&" in text:
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text, timeout=timeout)
    return text


def _and_new_line(tag: "regex.Match[str]") -> str:
    """The tag, and a new line, so that no sentence goes on behind it."""
    return f"{tag[0]}\n"


_LABELS: Final = (
    "warning|caution|danger|attention|achtung|warnung|vorsicht|avertissement"
    "|prudence|cuidado|advertencia|atención|attenzione|avviso|внимание|осторожно|предупреждение"
    "|警告|注意|경고|주의|تحذير|تنبيه|هشدار|توجه|चेतावनी|सावधान|सावधानी"
)
_BEFORE_WORDS: Final = regex.compile(
    rf"(?:[⚠🚫⛔🛑☠❌🔥❗‼☢☣\ufe0f#\s]|(?:{fold_pattern(_LABELS)})\s?(?:[:!]|\n)){{1,40}}(?=.)"
)


def from_first_word(folded: str, timeout: float) -> str:
    """The folded text without signs and labels of warning, and marks of headings, at its start."""
    if folded[:1].isalnum() and not any(map(folded[:40].__contains__, ":!\n")):
        return folded
    begins = _BEFORE_WORDS.match(folded, timeout=timeout)
    return folded[begins.end() :] if begins else folded


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
    marked = any(map(answer.__contains__, _UNSHOWN_BEGINS))
    if not marked and not any(map(answer.__contains__, ("~~", "](", "="))):
        return False
    hidden = [
        found.group()
        for pattern in (_COMMENT, _HIDDEN, _STRUCK, _UNSHOWN, _ATTRIBUTE)
        for found in pattern.finditer(answer, timeout=timeout)
    ]
    return len(_WORD.findall(_TAG.sub("", " ".join(hidden)), timeout=timeout)) >= _WORDS


def without_quotations(folded: str, timeout: float) -> str:
    """The folded text with what stands in quotes left out: a mention is not a statement.

    A text that is little more than one quotation keeps it: then the quotation is the answer.
    """
    own = folded
    if "\n>" in folded or folded.startswith(">"):
        own = str(_BLOCK.sub("", own, timeout=timeout))
    if '"' in folded:
        own = str(_QUOTATION.sub('""', own, timeout=timeout))
    if " '" in folded:
        own = str(_SINGLE.sub("''", own, timeout=timeout))
    return own if 4 * len(own) > len(folded) else folded


def block_quotes(folded: str) -> str:
    """What stands in block quotes, without their marks."""
    return "\n".join(line[0].lstrip(" >") for line in _BLOCK.finditer(folded))


# Not at the start of a line, where such marks make lists and headings.
_MARKS: Final = r"|/#>`$*_()\[\]{}\"\p{So}\p{Sm}«»<\\"
_DECORATION: Final = regex.compile(
    rf"(?<=\S ?)(?<![{_MARKS}])(?:[{_MARKS}]|(?<=\s)-|-(?=\s))++\s*+(?=\p{{L}})"
)


def undecorated(folded: str, timeout: float) -> str:
    """The folded text from the first mark before a word on, with new lines for such marks."""
    _, *after = _DECORATION.split(folded, timeout=timeout)
    return "".join(f"\n{part}" for part in after)
