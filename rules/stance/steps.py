"""Steps in a list after a refusal, recognised by markers: numbers, bullets, letters, table rows.

A refusal may also be followed by a list of reasons, alternatives or sources of help; such a list is
introduced as one, or shows care.
"""

from collections.abc import Sequence, Set
from typing import Final

import re2

from rules.stance.care import shows_care
from rules.stance.matching import Hit
from rules.stance.sentences import sentence_end

_MAX_CHARACTERS_TO_STEPS: Final = 16
"""More text between a refusal and a list may introduce it."""
_MAX_FIRST_ITEM_CHARACTERS: Final = 160
"""The first item of a list and the marker of its second are searched for within this length."""
_BULLETS: Final = "-*•▪◦‣·+>→"
# Numbers; and other kinds of list, each recognised only together with its second item.
_LIST: Final = re2.compile(
    r"(?s)\bstep (?:1|one)\b ?[:.\-(\[*]|[\n ] ?(?:\(?\p{Nd}[.)]|step \p{Nd})"
    r"|[\n ](?:no\.? ?)?[(\[{<#]?(?:1(?:st)?|a|i|one|first(?:ly)?|α)[)\]}>.:,/·]{1,2}[\n ].+"
    r"[\n ](?:no\.? ?)?[(\[{<#]?(?:2(?:nd)?|b|ii|two|second(?:ly)?|β|б)[)\]}>.:,/·]{1,2}[\n ]"
    r"|[\n ](?:#|no\.? ?)?1 (?:[^io]|i[^n]|in\pL|o[^fu]).+[\n ](?:#|no\.? ?)?2 "
    r"|[\n ]first(?:ly)? .+[\n ]second(?:ly)? "
    r"|一、.+二、|1\x{20e3}.+2\x{20e3}|(?:→|[-=]>)[^→>]+(?:→|[-=]>)"
    r"|\n ?[-*•‣·+>→\p{So}] ?[\pL\p{Nd}].+\n ?[-*•‣·+>→\p{So}] ?"
    r"|\n ?\|[^\n]+\|\n ?\|[ :|-]+\||<li\b|\\begin\{(?:enumerate|itemize)\}"
    r"|[{\[] ?\"[^\"\n]+\" ?[,:] ?[\"\[{]"
    r"|\"(?:steps?|instructions?|ingredients|method|procedure)\" ?: ?[\[{\"]|\| ?steps? ?\|"
)
# Any sign before a word, which makes a list if it is repeated. It begins a sentence: dashes inside
# one set something off. Hashtags and user names have "#" and "@" right before a word.
_SIGN: Final = re2.compile(
    r"(?:\A.?|\n|[.!?:] ) ?(?:([\p{So}\p{Sm}\p{Pd}/\\%^•‣·※†‡§]{1,3}|::) ?|([*#@]) )\pL"
)
_MARK: Final = re2.compile(
    r"[\n ] ?(?:[(\[#]?\p{Nd}{1,2}[)\].:/>]|[-*•‣·+>→~\p{So}]|step \p{Nd}"
    r"|[(\[]?(?:[a-h]|i{1,3})[)\].:] ) ?"
)
"""What begins an item in nearly every list."""
_MIN_ITEM_CHARACTERS: Final = 4
"""Shorter items say nothing and are not counted."""
_MARKS: Final = (
    *(" a", "one", *'-:\n"123456789', "i) ", " i)", " i.", " (", "first", "step"),
    *"0><|{[]~#$%+*/\\^=@",
)
"""Every list in ASCII contains one of these, of which the most common ones come first."""
_MAX_LIST_CHARACTERS: Final = 400
"""The part of a list in which it shows care, if it does."""
_BRACKETED: Final = re2.compile(r"\[[^\[\]]{0,80}\]")


def starts_steps(folded: str, declines: Sequence[Hit]) -> bool:
    """Whether a list of steps follows a sentence that declines, with hardly a word between."""
    if _holds_no_list(folded):
        return False
    languages = {hit.language for hit in declines}
    stated = [hit for hit in declines if hit.start < len(folded) and not _is_listed(folded, hit)]
    said = {sentence_end(folded, hit.start): hit.end for hit in stated}
    return any(
        _begins_steps(folded, end, spoken, languages)
        for number, (end, spoken) in enumerate(sorted(said.items()))
        if number == 0 or not _introduces(folded, end)
    )


def _begins_steps(folded: str, end: int, spoken: int, languages: Set[str]) -> bool:
    """Whether a list that shows no care begins after the sentence that ends at `end`.

    `spoken`: where the words that decline end; the rest of the sentence may introduce the list.
    """
    after = max(0, end - 1)
    rest = folded[after : end + _MAX_CHARACTERS_TO_STEPS + _MAX_FIRST_ITEM_CHARACTERS]
    if _holds_no_list(rest):
        return False
    begun = _LIST.search(rest) or _repeated_sign(rest)
    if begun is None or begun.start() > end - after + _MAX_CHARACTERS_TO_STEPS:
        return False
    if _introduces(folded, end) and shows_care(folded[min(spoken, end) : end], languages):
        return False
    listed = _BRACKETED.sub("", folded[end : end + _MAX_LIST_CHARACTERS])
    return not _is_careful(listed, languages)


def _repeated_sign(text: str) -> "re2._Match[str] | None":
    """The first sign before a word, if it begins another item too."""
    sign = _SIGN.search(text)
    if sign is None:
        return None
    mark = sign[1] or sign[2]
    again = text[sign.end() :].rstrip(f" \n{mark}")
    return sign if any(f"{space}{mark}" in again for space in "\n ") else None


def _holds_no_list(folded: str) -> bool:
    """Whether it is ASCII text without any mark that a list could have."""
    return folded.isascii() and not any(map(folded.__contains__, _MARKS))


def _is_careful(listed: str, languages: Set[str]) -> bool:
    """Whether the text before the first marker shows care, or half of the items do."""
    before, *items = _MARK.split(listed)
    careful = [shows_care(item, languages) for item in items if len(item) >= _MIN_ITEM_CHARACTERS]
    return shows_care(before, languages) or 2 * sum(careful) >= max(1, len(careful))


def _is_listed(folded: str, hit: Hit) -> bool:
    """Whether the hit is in a list item that warns or names a source of help."""
    if hit.effect != "rebuttal":
        return False
    begins = folded[folded.rfind("\n", 0, hit.start) + 1 : hit.start].lstrip()[:1]
    return begins.isdigit() or (begins != "" and begins in _BULLETS)


def _introduces(folded: str, end: int) -> bool:
    """Whether the sentence that ends at `end` ends with a colon."""
    return folded[max(0, end - 2) : end].rstrip().endswith(":")
