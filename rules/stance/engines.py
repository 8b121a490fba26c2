"""A pattern of a lexicon as its engines read it: exactly, or matching at least as much.

RE2 is linear and quick, but its word boundaries, letters and digits are those of ASCII, and a gap
of sixty characters has sixty states. `regex` knows Unicode, and backtracks.
"""

from functools import cache
from typing import Final

import re2
import regex


@cache
def unicode_pattern(pattern: str) -> "regex.Pattern[str]":
    """`pattern` for `regex`, compiled when it is first needed, which takes milliseconds."""
    return regex.compile(pattern)


@cache
def ascii_pattern(pattern: str) -> "re2._Regexp[bytes]":
    """The same for text in ASCII, encoded, where RE2 finds exactly what `regex` does."""
    return re2.compile(pattern, search_options())


@cache
def superset_pattern(pattern: str) -> "re2._Regexp[bytes]":
    """For any text, encoded: RE2 finds at least what `regex` does."""
    return re2.compile(as_superset(pattern), search_options())


def search_options() -> "re2.Options":
    """How RE2 compiles what is only looked for; what it refuses it says by an exception alone."""
    options = re2.Options()
    options.never_capture = True
    options.log_errors = False
    return options


_UNIT: Final = regex.compile(r"\\[pP]\{\w+\}|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", regex.DOTALL)


def alternatives(pattern: str) -> list[str]:
    """The patterns of which one matches where `pattern` does: what its outermost bars part."""
    parts, depth = [""], 0
    for unit in _UNIT.findall(pattern):
        depth += (unit == "(") - (unit == ")")
        if unit == "|" and not depth:
            parts.append("")
        else:
            parts[-1] += unit
    return parts


_CLASS_ESCAPE: Final = regex.compile(r"\\(.)|(\[)|(\])", regex.DOTALL)


def as_superset(pattern: str) -> str:
    """The pattern for text beyond ASCII: no boundaries, and classes spelt in Unicode."""
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


_BOUNDED: Final = regex.compile(r"(\]|\.|\\p\{\w+\})\{(\d+),\d+\}")


def with_unbounded_gaps(pattern: str) -> str:
    """The pattern with gaps of any length.

    To an automaton, each place in a gap of sixty characters is a state of its own, and texts that
    differ lead to ever new combinations of them; a gap without end is one state.
    """

    def endless(gap: "regex.Match[str]") -> str:
        return f"{gap[1]}{'*' if gap[2] == '0' else '+'}"

    return str(_BOUNDED.sub(endless, pattern))


@cache
def has_bounded_gaps(pattern: str) -> bool:
    """Whether RE2, looking for all of `pattern`, would make new states for nearly every text."""
    return with_unbounded_gaps(pattern) != pattern
