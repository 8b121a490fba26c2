"""Which lexicon patterns match a text, and where: three sieves, each finer than the last.

The prefilter names the patterns whose words all occur, in one pass; RE2 drops those that do not
match; `regex` finds the place of the few that do, and looks for the rule's exceptions around it.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import re2
import regex

from rules.stance.lexicon import Effect, Lexicon, Scope
from rules.stance.prefilter import Prefilter
from rules.stance.stance import StanceTimeout

HEAD: Final = 1200
"""Characters in which an answer that declines must have said so."""
REACH: Final[dict[Scope, int]] = {"start": 1, "opening": 360, "anywhere": HEAD}
"""Before which character of the answer a rule of each scope must begin to match."""


class Pattern(NamedTuple):
    """One pattern of one rule, compiled for both engines."""

    rule: str
    effect: Effect
    reach: int
    exact: "regex.Pattern[str]"
    quick: Any
    unless: "regex.Pattern[str] | None"
    unless_quick: Any


class Hit(NamedTuple):
    """A rule that matched, and where."""

    start: int
    end: int
    effect: Effect
    rule: str


class Matcher:
    """All patterns of some lexicons. Stateless after construction."""

    def __init__(self, lexicons: Iterable[Lexicon], timeout: float) -> None:
        self.patterns = tuple(p for lexicon in lexicons for p in _compiled(lexicon))
        self._timeout = timeout
        self._prefilter = Prefilter(
            [pattern.exact.pattern for pattern in self.patterns],
            [pattern.rule for pattern in self.patterns],
        )

    def candidates(self, text: str) -> list[Pattern]:
        """The patterns that may match `text`, in the lexicons' order."""
        return [self.patterns[index] for index in self._prefilter.candidates(text)]

    def hits(self, text: str, patterns: Sequence[Pattern], everywhere: bool = False) -> list[Hit]:
        """The first match of each of `patterns`; `everywhere` lifts the limit of their scope."""
        encoded = text.encode()
        likely = (pattern for pattern in patterns if pattern.quick.search(encoded))
        found = (next(self.matches(text, pattern, everywhere), None) for pattern in likely)
        return [hit for hit in found if hit is not None]

    def matches(self, text: str, pattern: Pattern, everywhere: bool = False) -> Iterator[Hit]:
        """Every match with no exception in its sentence. Raises StanceTimeout."""
        limit = len(text) if everywhere else pattern.reach
        try:
            for match in pattern.exact.finditer(text, timeout=self._timeout):
                if match.start() >= limit:
                    return
                if not self._excepted(pattern, text, match.start(), match.end()):
                    yield Hit(match.start(), match.end(), pattern.effect, pattern.rule)
        except TimeoutError as error:
            raise StanceTimeout(f"the rule {pattern.rule} took too long") from error

    def _excepted(self, pattern: Pattern, text: str, start: int, end: int) -> bool:
        if pattern.unless is None:
            return False
        around = sentence(text, start, end)
        if not pattern.unless_quick.search(around.encode()):
            return False
        return pattern.unless.search(around, timeout=self._timeout) is not None


def _compiled(lexicon: Lexicon) -> Iterator[Pattern]:
    options = re2.Options()
    options.never_capture = True
    for rule in lexicon.rules:
        unless = "|".join(f"(?:{pattern})" for pattern in rule.unless)
        for written in rule.patterns:
            pattern = rf"\A(?:{written})" if rule.scope == "start" else written
            yield Pattern(
                rule=f"{lexicon.language}.{rule.name}",
                effect=rule.stance,
                reach=REACH[rule.scope],
                exact=regex.compile(pattern),
                quick=re2.compile(_looser(pattern), options),
                unless=regex.compile(unless) if unless else None,
                unless_quick=re2.compile(_looser(unless), options) if unless else None,
            )


_CLASS_ESCAPE: Final = regex.compile(r"\\(.)|(\[)|(\])", regex.DOTALL)


def _looser(pattern: str) -> str:
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


_SENTENCE_END: Final = regex.compile(r"[.!?](?=\s|$)|\n|[。！？؟।]")


def sentence_end(text: str, position: int) -> int:
    """Where the sentence around `position` ends, at most 400 characters on."""
    limit = min(len(text), position + 400)
    found = _SENTENCE_END.search(text, position, limit)
    return found.end() if found else limit


def sentence(text: str, start: int, end: int) -> str:
    """The sentence around a match, from 200 characters before it at most."""
    low = max(0, start - 200)
    before = [found.end() for found in _SENTENCE_END.finditer(text, low, start)]
    return text[before[-1] if before else low : sentence_end(text, end)]
