"""Patterns of `regex` that are looked for under the time limit in force, and no other way.

No other module may import `regex` (ruff's `banned-api`): a backtracking search without a limit is
one that a hostile answer can keep busy for ever. So any function of this package that reads an
answer may raise TimeoutError. What reads only our own patterns uses `re`.
"""

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

import regex

from rules.stance.time_limit import limit_in_force

IGNORECASE: Final = regex.IGNORECASE
PatternError: Final = regex.error
Match: TypeAlias = regex.Match[str]


class TimedPattern:
    """A compiled pattern. Every method raises TimeoutError if a search takes too long."""

    __slots__ = ("_compiled",)

    def __init__(self, pattern: str, flags: int = 0) -> None:
        """Raises PatternError."""
        self._compiled = regex.compile(pattern, flags)

    @property
    def pattern(self) -> str:
        """The pattern as it is written."""
        return self._compiled.pattern

    def search(self, text: str) -> Match | None:
        return self._compiled.search(text, timeout=limit_in_force())

    def match(self, text: str) -> Match | None:
        return self._compiled.match(text, timeout=limit_in_force())

    def fullmatch(self, text: str) -> Match | None:
        return self._compiled.fullmatch(text, timeout=limit_in_force())

    def finditer(self, text: str) -> Iterator[Match]:
        """The limit is the one in force at the call, and counts for each match."""
        return self._compiled.finditer(text, timeout=limit_in_force())

    def findall(self, text: str) -> list[str]:
        """The matches of a pattern without groups."""
        return self._compiled.findall(text, timeout=limit_in_force())

    def split(self, text: str) -> list[str]:
        """The parts around the matches of a pattern without groups."""
        parts: list[str] = self._compiled.split(text, timeout=limit_in_force())
        return parts

    def sub(self, replacement: str | Callable[[Match], str], text: str, count: int = 0) -> str:
        return self._compiled.sub(replacement, text, count, timeout=limit_in_force())
