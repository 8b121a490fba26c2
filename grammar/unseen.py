"""Invisible characters: one list for all code that asks what a reader sees."""

from typing import Final

BLANKS: Final = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters, and a Braille pattern, that are rendered blank or not at all."""

UNSEEN: Final = (
    # Controls other than white space; Unicode's Default_Ignorable_Code_Point (format characters,
    # variation selectors, tag characters, what is kept free for more); annotation marks.
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff0-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""The inside of a regular expression's character class; without `BLANKS`."""
