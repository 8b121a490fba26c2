"""The list of characters that nobody sees holds all that Unicode says are not drawn."""

import re
import sys

import regex

from grammar.unseen import BLANKS, UNSEEN

_LISTED = re.compile(f"[{UNSEEN}{BLANKS}]")


def test_every_character_that_unicode_lets_fonts_ignore_is_listed() -> None:
    ignorable = regex.compile(r"\p{Default_Ignorable_Code_Point}")
    unlisted = [
        f"{code:04X}"
        for code in range(sys.maxunicode + 1)
        if ignorable.match(chr(code)) and not _LISTED.match(chr(code))
    ]
    assert not unlisted


def test_white_space_and_what_is_drawn_are_not_listed() -> None:
    drawn = [chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()]
    assert not [character for character in [*drawn, *"aé安\u0301"] if _LISTED.match(character)]
