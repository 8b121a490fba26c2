"""One regular expression of a lexicon, as each engine reads it, and the text that they read.

RE2 is linear and quick, but knows the word boundaries, letters and digits of ASCII alone. So on a
text in plain ASCII it is exact; on any other it reads a looser pattern, and `regex` confirms.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final, NamedTuple

import re2
import regex


class Text(NamedTuple):
    """A folded text, encoded once for all that read it."""

    text: str
    encoded: bytes
    plain: bool
    """Whether it is in ASCII, where a character is a byte."""

    @classmethod
    def of(cls, text: str) -> "Text":
        return cls(text, text.encode(), text.isascii())

    def part(self, start: int, end: int) -> "Text":
        """The characters from `start` to `end`."""
        if self.plain:
            return Text(self.text[start:end], self.encoded[start:end], True)
        return Text.of(self.text[start:end])


class Written(NamedTuple):
    """One regular expression, compiled for both engines."""

    exact: "regex.Pattern[str]"
    ascii: Any
    """RE2's reading, which is the exact one on ASCII text."""
    looser: Any
    """For RE2, matching at least what `exact` matches in any text."""

    @classmethod
    def of(cls, pattern: str) -> "Written":
        """`pattern` compiled; rules that share a pattern share its automata."""
        return _compiled(pattern)

    def occurs(self, text: Text, timeout: float) -> bool:
        """Whether it matches anywhere in `text`. Raises TimeoutError."""
        if text.plain:
            return self.ascii.search(text.encoded) is not None
        if self.looser.search(text.encoded) is None:
            return False
        return self.exact.search(text.text, timeout=timeout) is not None

    def spans(self, text: Text, timeout: float) -> Iterator[tuple[int, int]]:
        """Start and end, in characters, of every match. Raises TimeoutError."""
        if text.plain:
            return (match.span() for match in self.ascii.finditer(text.encoded))
        if self.looser.search(text.encoded) is None:
            return iter(())
        return (match.span() for match in self.exact.finditer(text.text, timeout=timeout))


@cache
def _compiled(pattern: str) -> Written:
    options = re2.Options()
    options.never_capture = True
    return Written(
        regex.compile(pattern),
        re2.compile(pattern, options),
        re2.compile(looser(pattern), options),
    )


_CLASS_ESCAPE: Final = regex.compile(r"\\(.)|(\[)|(\])", regex.DOTALL)


def looser(pattern: str) -> str:
    """The pattern for RE2, matching at least what it matches for `regex`.

    RE2's word boundary and its letters and digits are those of ASCII, so the boundaries are left
    out and the classes spelt in Unicode.
    """
    inside = False

    def spelt(match: "regex.Match[str]") -> str:
        nonlocal inside
        if match.group(2) or match.group(3):
            inside = bool(match.group(2))
            return str(match.group())
        letters = {"w": r"\pL\pM\pN_", "d": r"\p{Nd}", "b": ""}.get(match.group(1))
        if letters is None:
            return str(match.group())
        return letters if inside or not letters else f"[{letters}]"

    return str(_CLASS_ESCAPE.sub(spelt, pattern))


_BOUNDED: Final = regex.compile(r"((?:\]|\.|\\p\{\w+\})\{)(\d+),\d+\}")


def unbounded(pattern: str) -> str:
    """The pattern with gaps of any length, so that it matches at least what it matched.

    To an automaton, each place in a gap of sixty characters is a state of its own, and texts that
    differ lead to ever new combinations of them; a gap without end is one state.
    """
    return str(_BOUNDED.sub(lambda match: match[1][:-1] + "*+"[match[2] != "0"], pattern))
