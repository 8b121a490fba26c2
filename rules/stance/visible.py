"""What a reader of the answer sees: hidden markup and quotations are not the answer's own words."""

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
_QUOTATION: Final = regex.compile(r'"[^"\n]{1,300}"')
# An apostrophe inside a word neither opens nor closes a quotation.
_SINGLE: Final = regex.compile(
    r"(?<![\w'])'(?=\w)[^'\n]{1,200}(?:(?<=\w)'(?=\w)[^'\n]{1,200}){0,4}'(?![\w'])"
)


def visible_text(answer: str, timeout: float) -> str:
    """The answer without emphasis marks, comments, hidden elements and inline tags.

    Linear; raises TimeoutError.
    """
    answer = answer.replace("**", "")
    if "<" not in answer:
        return answer
    text = _COMMENT.sub("", answer, timeout=timeout)
    text = _HIDDEN.sub("", text, timeout=timeout)
    return str(_TAG.sub("", text, timeout=timeout))


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
