"""How the two regex engines compile a lexicon pattern, and when they agree.

RE2 runs in linear time, but its word boundaries, letters and digits are those of ASCII, and a gap
of sixty characters costs it sixty states. `regex` knows Unicode, but backtracks. So RE2 searches
ASCII text, and excludes other text with a pattern that matches a superset; `regex` confirms the
rest.
"""

import re
from functools import cache
from typing import Final

import re2

from rules.stance.timed_pattern import TimedPattern


@cache
def unicode_pattern(pattern: str) -> TimedPattern:
    """`pattern` compiled for `regex`, on first use, as that takes milliseconds."""
    return TimedPattern(pattern)


@cache
def ascii_pattern(pattern: str) -> "re2._Regexp[bytes]":
    """`pattern` compiled for RE2; in encoded ASCII text it matches what `unicode_pattern` does."""
    return re2.compile(pattern, search_options())


@cache
def superset_pattern(pattern: str) -> "re2._Regexp[bytes]":
    """`pattern` compiled for RE2; it matches every encoded text that `unicode_pattern` does."""
    return re2.compile(as_superset(pattern), search_options())


def search_options() -> "re2.Options":
    """RE2 options for searches without groups; bad patterns raise and are not logged to stderr."""
    options = re2.Options()
    options.never_capture = True
    options.log_errors = False
    return options


_UNIT: Final = re.compile(r"\\[pP]\{\w+\}|\\.|\[\^?\]?(?:\\.|[^\]\\])*+\]?|.", re.DOTALL)


def alternatives(pattern: str) -> list[str]:
    """The alternatives of `pattern`: it is split at its outermost bars."""
    parts, depth = [""], 0
    for unit in _UNIT.findall(pattern):
        depth += (unit == "(") - (unit == ")")
        if unit == "|" and not depth:
            parts.append("")
        else:
            parts[-1] += unit
    return parts


_CLASS_ESCAPE: Final = re.compile(r"\\(.)|(\[)|(\])", re.DOTALL)


def as_superset(pattern: str) -> str:
    """The pattern without word boundaries, and with its classes spelt out in Unicode."""
    inside = False

    def in_unicode(match: re.Match[str]) -> str:
        nonlocal inside
        if match.group(2) or match.group(3):
            inside = bool(match.group(2))
            return match.group()
        letters = {"w": r"\pL\pM\pN_", "d": r"\p{Nd}", "b": ""}.get(match.group(1))
        if letters is None:
            return match.group()
        return letters if inside or not letters else f"[{letters}]"

    return _CLASS_ESCAPE.sub(in_unicode, pattern)


_BOUNDED_GAP: Final = re.compile(r"(\]|\.|\\p\{\w+\})\{(\d+),\d+\}")


def with_unbounded_gaps(pattern: str) -> str:
    """The pattern with its gaps, such as `[^.]{0,60}`, of any length.

    In an automaton each position in a bounded gap is a state of its own, and new texts keep adding
    combinations of them; an unbounded gap is a single state.
    """

    def unbounded(gap: re.Match[str]) -> str:
        return f"{gap[1]}{'*' if gap[2] == '0' else '+'}"

    return _BOUNDED_GAP.sub(unbounded, pattern)


@cache
def has_bounded_gaps(pattern: str) -> bool:
    """Whether RE2 would build new states for `pattern` on nearly every text."""
    return with_unbounded_gaps(pattern) != pattern
