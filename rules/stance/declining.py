"""An answer that declines, as the checks behind it read it: whole, with its quotations."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from rules.stance.matching import MAX_HEAD_CHARACTERS, Hit
from rules.stance.quotations import place_in_whole
from rules.stance.text import Text
from rules.stance.wrapping import is_broken_to_width, unwrapped


def deciding_hit(declines: Iterable[Hit]) -> Hit:
    """The hit that names the stance: the first refusal, or else the first rebuttal."""
    return min(declines, key=lambda hit: (hit.effect != "refusal", hit.start))


class DecliningAnswer(NamedTuple):
    """The text of an answer that declines, and where it does."""

    text: str
    """Folded; a sentence that was broken over lines is on one line."""
    lines: str
    """The same with its line breaks, unless these only show the width of a page."""
    declines: Sequence[Hit]
    """The hits that decline, at their positions in `text`."""
    deciding: Hit

    @classmethod
    def of(cls, lines: str, head: Text, declines: Sequence[Hit]) -> "DecliningAnswer":
        """From the folded answer and the hits in its `head`, which may lack quotations."""
        text = unwrapped(lines)
        if lines != text and is_broken_to_width(lines):
            lines = text
        whole = text[:MAX_HEAD_CHARACTERS]
        if len(head.text) < len(whole):
            place = place_in_whole(whole)
            declines = [_moved(hit, place) for hit in declines]
        return cls(text, lines, declines, deciding_hit(declines))

    @property
    def refuses(self) -> bool:
        """Whether it refuses, rather than only advise against the request."""
        return self.deciding.effect == "refusal"

    @property
    def begins(self) -> int:
        """Where in `text` the deciding words begin."""
        return min(self.deciding.start, len(self.text))

    @property
    def languages(self) -> set[str]:
        """Codes of the languages that refuse, and of the one that decides."""
        refusing = {hit.language for hit in self.declines if hit.effect == "refusal"}
        return refusing | {self.deciding.language}


def _moved(hit: Hit, place: Callable[[int], int]) -> Hit:
    return hit._replace(start=place(hit.start), end=place(hit.end - 1) + 1)
